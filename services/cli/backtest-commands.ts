import { type Command, InvalidArgumentError } from 'commander'
import { shuffledExchanges } from '../domain/backtest/exchange.ts'
import { type BacktestRun, runBacktest } from '../domain/backtest/run-backtest.ts'
import { compareRollbacks, pairsUntil, summarise } from '../domain/backtest/summarise.ts'
import { parseDuration } from '../domain/policy/units-of-measure.ts'
import { goldenByRules, prepareTrial, readRecording, type Trial } from './backtest-input.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { type BacktestReport, backtestText, comparisonText } from './print-backtest.ts'
import { type Act, type Session, show } from './session.ts'

interface BacktestOptions {
  readonly against?: string
  readonly rules?: string
  readonly task?: string
  /** Time between arrivals, ms. */
  readonly every: number
  readonly shuffles: number
  readonly seed: string
}

const shufflesMax = 10_000

export function declareBacktest(program: Command, act: Act): void {
  program
    .command('backtest <policy> <recording>')
    .description('what a rollout file would have done over recorded pairs or evidence, and when; needs no server')
    .option('--against <file>', 'a second rollout file, to compare with')
    .option('--rules <file>', 'JSON: task → golden rule, by which answers are held against the recorded references')
    .option('--task <name>', 'only the pairs of this task')
    .option('--every <duration>', 'time between the arrivals of recorded pairs', duration, 1_000)
    .option('--shuffles <n>', 'repeat over so many random orders: median and worst', shuffles, 0)
    .option('--seed <text>', 'names the random orders', '1')
    .addHelpText(
      'after',
      `
<recording> is JSONL (or .jsonl.gz): recorded pairs (id, task, prompt, reference, baseline and candidate with model, output, latency_s), or a file
that \`penstock replay <run> --save FILE\` wrote. The gate is the one that runs; time is virtual.

Examples:
  penstock backtest rollout.yaml pairs.jsonl.gz --rules rules.json --shuffles 200
  penstock backtest strict.yaml run.jsonl --against loose.yaml`,
    )
    .action((policy: string, recording: string, options: BacktestOptions) =>
      act((session) => backtest(session, policy, recording, options)),
    )
}

/** Done when the recording was judged, whatever came of it; no when a policy is refused. Throws InputFileError. */
function backtest(session: Session, policy: string, file: string, options: BacktestOptions): ExitCode {
  const recording = readRecording(file, options.task)
  const golden =
    options.rules === undefined ? null : { file: options.rules, entries: goldenByRules(options.rules, recording) }
  const reports: { readonly report: BacktestReport; readonly runs: readonly BacktestRun[] }[] = []
  for (const candidate of [policy, ...(options.against === undefined ? [] : [options.against])]) {
    const trial = prepareTrial(candidate, recording, golden, options.every)
    if ('problems' in trial) {
      if (session.json) session.print(JSON.stringify(trial))
      for (const { file: where, line, path, message } of trial.problems)
        session.note(`${where}:${line}: ${path === '' ? '' : `${path}: `}${message}`)
      return exitCodes.no
    }
    reports.push(judged(trial, options))
  }
  const [first, second] = reports
  if (first === undefined) return exitCodes.usage
  const against = second === undefined ? null : compareRollbacks(first.runs, second.runs)
  show(session, { policies: reports.map(({ report }) => report), comparison: against }, () =>
    [
      ...reports.map(({ report }) => backtestText(report)),
      ...(second === undefined || against === null ? [] : [comparisonText([first.report, second.report], against)]),
    ].join('\n\n'),
  )
  return exitCodes.done
}

function judged(
  trial: Trial,
  { shuffles: count, seed }: BacktestOptions,
): { readonly report: BacktestReport; readonly runs: readonly BacktestRun[] } {
  const { file, plan, exchanges, notes } = trial
  const orders =
    count === 0
      ? [exchanges]
      : Array.from({ length: count }, (_, index) => shuffledExchanges(exchanges, `${seed}/${index + 1}`))
  const runs = orders.map((order) => runBacktest(plan, order, exchanges[0]?.evidence[0]?.place.run ?? ''))
  const lengths = runs.map((run, index) => ({ index, pairs: pairsUntil(run, 'rollback') ?? run.exchanges + 1 }))
  const median = [...lengths].sort((a, b) => a.pairs - b.pairs)[(lengths.length - 1) >> 1]?.index ?? 0
  const run = runs[median]
  if (run === undefined) throw new RangeError('a backtest has at least one order')
  return {
    runs,
    report: {
      policy: file,
      planHash: plan.hash,
      exchanges: exchanges.length,
      notes,
      run,
      shuffle: count === 0 ? null : median + 1,
      summary: count === 0 ? null : summarise(runs),
    },
  }
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === null || ms < 1) throw new InvalidArgumentError('must be a duration such as 500ms or 2s')
  return ms
}

function shuffles(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > shufflesMax)
    throw new InvalidArgumentError(`must be a whole number from 1 to ${shufflesMax}`)
  return value
}
