import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'penstock-backtest-'))
afterAll(() => rmSync(folder, { recursive: true }))

const inRepository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const policy = inRepository('examples/backtest/gpt4-upgrade.yaml')
const rules = inRepository('examples/backtest/golden-rules.json')
const recording = inRepository('scripts/demo/recordings/llmdrift-pairs-gpt4.jsonl.gz')

async function run(...words: readonly string[]) {
  const printed: string[] = []
  const failed: string[] = []
  const code = await runCli(words, {
    out: (text) => void printed.push(text),
    err: (text) => void failed.push(text),
    config: () => {
      throw new Error('a backtest asks no server')
    },
    nowMs: () => 0,
    sleep: async () => undefined,
  })
  return { code, printed: printed.join(''), failed: failed.join('') }
}

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

interface Answer {
  readonly policies: readonly {
    readonly summary: {
      readonly outcomes: readonly {
        readonly outcome: string
        readonly runs: number
        readonly pairsMedian: number
        readonly pairsWorst: number
      }[]
    }
  }[]
  readonly comparison: { readonly sooner: number; readonly same: number; readonly later: number } | null
}

async function shuffled(task: string, shuffles: number, ...more: readonly string[]): Promise<Answer> {
  const words = ['--json', 'backtest', policy, recording, '--rules', rules, '--task', task]
  const { code, printed } = await run(...words, '--shuffles', String(shuffles), '--seed', '7', ...more)
  expect(code).toBe(0)
  return JSON.parse(printed) as Answer
}

describe('penstock backtest', () => {
  it.each([
    ['prime', 120],
    ['happy_number', 60],
  ])(
    'stops the recorded upgrade of %s in at most %d pairs in the median of 200 shuffles',
    async (task, medianMax) => {
      const { policies } = await shuffled(task, 200)
      const rollback = policies[0]?.summary.outcomes.find(({ outcome }) => outcome === 'rollback')
      console.info(`${task}: median pair ${rollback?.pairsMedian}, worst ${rollback?.pairsWorst} of 200 shuffles`)
      expect(rollback?.runs).toBe(200)
      expect(rollback?.pairsMedian).toBeLessThanOrEqual(medianMax)
      expect(rollback?.pairsWorst).toBeLessThanOrEqual(400)
    },
    120_000,
  )

  it('compares two policies over the same orders', async () => {
    const wider = `${readFileSync(policy, 'utf8')}metrics: { golden_wrong: { margin: { absolute: 0.2 } } }\n`
    const { comparison } = await shuffled('prime', 10, '--against', file('wider.yaml', wider))
    expect(comparison).toEqual({ sooner: 10, same: 0, later: 0 })
    const itself = await shuffled('prime', 5, '--against', policy)
    expect(itself.comparison).toEqual({ sooner: 0, same: 5, later: 0 })
  }, 60_000)

  it('says in words what would have happened and when', async () => {
    const { code, printed } = await run('backtest', policy, recording, '--rules', rules)
    expect(code).toBe(0)
    expect(printed).toMatch(
      /ROLLED BACK at pair 13 of 1500, 1m 28s after the first \(88 had arrived\), in stage shadow of wave all: golden_wrong on content_ab harms/,
    )
    expect(printed).toMatch(/golden_wrong on content_ab +unacceptable +candidate 100\.0 % +baseline 0\.0 %/)
    expect(printed).toContain('note: no A/A pairs were recorded')
  })

  it('names what is wrong with its files', async () => {
    const bad = file('bad.jsonl', '{"id":"a","prompt":"p","baseline":{},"candidate":{}}\n')
    expect(await run('backtest', policy, bad)).toMatchObject({
      code: 2,
      failed: `UNUSABLE_FILE: ${bad}: record 1: baseline: \`model\` must be a text\n`,
    })
    const unknownTask = await run('backtest', policy, recording, '--task', 'poems')
    expect(unknownTask).toMatchObject({ code: 2 })
    expect(unknownTask.failed).toContain('has no task `poems`; it has prime, happy_number')
    const noRule = await run('backtest', policy, recording, '--rules', file('rules.json', '{"poems":{"kind":"exact"}}'))
    expect(noRule.failed).toContain('has no rule for any task of the recording')
    const refused = file('refused.yaml', readFileSync(policy, 'utf8').replace('change: model', 'change: shoes'))
    expect((await run('backtest', refused, recording)).code).toBe(1)
  })
})
