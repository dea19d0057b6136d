import { fileURLToPath } from 'node:url'
import { goldenByRules, prepareTrial, readRecording, type Trial } from '../../services/cli/backtest-input.ts'
import { shuffledExchanges } from '../../services/domain/backtest/exchange.ts'
import { runBacktest } from '../../services/domain/backtest/run-backtest.ts'
import { pairsUntil } from '../../services/domain/backtest/summarise.ts'
import type { Cell } from './cell.ts'
import type { Draw } from './draws.ts'

const inRepository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const trials = new Map<string, Trial>()

/** The recorded upgrade gpt-4-0314 to gpt-4-0613 on one task, under the default policy; read once. */
function trialOf(task: string): Trial {
  const known = trials.get(task)
  if (known !== undefined) return known
  const recording = readRecording(inRepository('scripts/demo/recordings/llmdrift-pairs-gpt4.jsonl.gz'), task)
  const rules = inRepository('examples/backtest/golden-rules.json')
  const golden = { file: rules, entries: goldenByRules(rules, recording) }
  const trial = prepareTrial(inRepository('examples/backtest/gpt4-upgrade.yaml'), recording, golden, 1_000)
  if (!('plan' in trial)) throw new Error(JSON.stringify(trial))
  trials.set(task, trial)
  return trial
}

/** Pairs of another order of the recording until the gate latches. */
function pairsUntilStopped(uniform: Draw, task: string): number {
  const { plan, exchanges } = trialOf(task)
  const order = shuffledExchanges(exchanges, String(Math.floor(uniform() * 2 ** 32)))
  return pairsUntil(runBacktest(plan, order, 'backtest'), 'rollback') ?? Number.POSITIVE_INFINITY
}

const upgrade = (task: string, value: number): Cell => ({
  name: `recorded/${task}`,
  world: `the recorded upgrade gpt-4-0314 → gpt-4-0613, task ${task}, shuffled: pairs until the latch`,
  aim: { kind: 'median-at-most', value, unit: 'pairs', worst: 400 },
  plan: null,
  shortRuns: 3,
  run: (uniform) => pairsUntilStopped(uniform, task),
})

export const recordedCells: readonly Cell[] = [upgrade('prime', 120), upgrade('happy_number', 60)]
