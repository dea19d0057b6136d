import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Report {
  readonly upgrade: { readonly stopped: boolean; readonly pairsUntilStopped: number; readonly requestsFailed: number }
  readonly canary: {
    readonly rolledBack: boolean
    readonly faultAtMs: number
    readonly breachAtMs: number
    readonly latchAtMs: number
    readonly ackAtMs: number
    readonly lastCandidateRequestAtMs: number
    readonly reason: string
  }
}

function play(dir: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/demo.ts'), '--dir', dir, '--rate', '40'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  // Where it took too long: asked to end, it takes its servers with it.
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return ended.then((code) => ({ code, output }))
}

it('the demonstration: the bad upgrade is stopped in shadow, the failing canary is taken back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'penstock-demo-'))
  try {
    const { code, output } = await play(dir)
    expect(code, output.slice(-4_000)).toBe(0)
    const { upgrade, canary } = JSON.parse(readFileSync(join(root, 'demo-report.json'), 'utf8')) as Report
    expect(upgrade).toMatchObject({ stopped: true, requestsFailed: 0 })
    expect(upgrade.pairsUntilStopped).toBeGreaterThan(5)
    expect(upgrade.pairsUntilStopped).toBeLessThanOrEqual(400)
    expect(canary.rolledBack).toBe(true)
    expect(canary.reason).toMatch(/error on (?:live|shadow)_ab harms/)
    expect(canary.breachAtMs).toBeGreaterThanOrEqual(canary.faultAtMs)
    expect(canary.latchAtMs).toBeGreaterThanOrEqual(canary.breachAtMs)
    expect(canary.ackAtMs).toBeGreaterThanOrEqual(canary.latchAtMs)
    expect(output).toContain('last candidate request')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}, 240_000)
