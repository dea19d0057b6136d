import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const module = fileURLToPath(new URL('./run-process.ts', import.meta.url))

test('what was compiled is kept once everything has started, also of a process that is killed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'penstock-compiled-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const options = JSON.stringify({ name: 'test', logLevel: 'info', adminPort: null })
  const program = `const { runProcess } = await import(${JSON.stringify(module)})
    setInterval(() => {}, 1_000)
    await runProcess(${options}, async () => undefined)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { NODE_COMPILE_CACHE: dir },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await expect.poll(() => readdirSync(dir, { recursive: true }).length, { timeout: 20_000 }).toBeGreaterThan(10)
  child.kill('SIGKILL')
  await ended
})
