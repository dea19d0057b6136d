import type { BacktestEvent, BacktestRun } from '../domain/backtest/run-backtest.ts'
import type { ShuffleSummary } from '../domain/backtest/summarise.ts'
import { formatDuration } from '../domain/policy/units-of-measure.ts'
import { metricsText } from './print-metrics.ts'

/** One policy over one order of the recording, and over many. */
export interface BacktestReport {
  readonly policy: string
  readonly planHash: string
  readonly exchanges: number
  readonly notes: readonly string[]
  /** The recorded order; with shuffles the one of median length. */
  readonly run: BacktestRun
  /** Number of the shuffle that `run` is; null: the recorded order. */
  readonly shuffle: number | null
  readonly summary: ShuffleSummary | null
}

const did: Readonly<Record<BacktestEvent['outcome'], string>> = {
  rollback: 'ROLLED BACK',
  review: 'ASKED A PERSON',
  advance: 'MAY ADVANCE',
}

export function backtestText(report: BacktestReport): string {
  const { run, exchanges, shuffle, summary } = report
  return [
    `${report.policy} (plan ${report.planHash.slice(0, 12)}) over ${exchanges} recorded exchanges`,
    ...report.notes.map((note) => `  note: ${note}`),
    ...(summary === null ? [] : summaryText(summary)),
    shuffle === null ? 'in the recorded order:' : `shuffle ${shuffle}, the one of median length:`,
    ...(run.events.length === 0 ? [heldText(run)] : run.events.map((event) => eventText(event, exchanges))),
    `how far each metric got after ${run.exchanges} exchanges:`,
    ...reachedText(run),
    ...countsText(run),
  ].join('\n')
}

/** Where several waves were recorded, each by itself. */
function reachedText({ waves }: BacktestRun): readonly string[] {
  return waves.flatMap(({ wave, stage, answer }) => {
    const lines = metricsText(answer.metrics).map((line) => `  ${line}`)
    if (waves.length === 1) return lines
    const said = `  wave ${wave}, stage ${stage}: ${answer.outcome}: ${answer.reason} [${answer.reasonCode}]`
    return [said, ...lines.map((line) => `  ${line}`)]
  })
}

function eventText(event: BacktestEvent, exchanges: number): string {
  const when = `at pair ${event.pair} of ${exchanges}, ${formatDuration(event.afterMs)} after the first (${event.arrived} had arrived)`
  return `  ${did[event.outcome]} ${when}, in stage ${event.stage} of wave ${event.wave}: ${event.reason} [${event.reasonCode}]`
}

function heldText({ last }: BacktestRun): string {
  return last === null
    ? '  HELD: nothing in the recording is what this policy reads'
    : `  HELD to the end: ${last.reason} [${last.reasonCode}]`
}

function summaryText({ runs, outcomes, held, tests }: ShuffleSummary): readonly string[] {
  const rows = outcomes.map(({ outcome, runs: times, pairsMedian, pairsWorst }) => {
    const pairs = pairsMedian === null ? '' : `: median pair ${pairsMedian}, worst ${pairsWorst}`
    return `  ${did[outcome].toLowerCase().padEnd(14)} ${times} of ${runs}${pairs}`
  })
  const by = tests.map(({ test, runs: times }) => `${test} ${times}`)
  return [
    `over ${runs} shuffles:`,
    ...rows,
    `  ${'held'.padEnd(14)} ${held} of ${runs}`,
    ...(by.length === 0 ? [] : [`  rolled back by ${by.join(', ')}`]),
  ]
}

function countsText({ counts }: BacktestRun): readonly string[] {
  const odd = [
    ...(counts.unusable === 0 ? [] : [`${counts.unusable} records or values that the policy does not read`]),
    ...(counts.duplicate === 0 ? [] : [`${counts.duplicate} repetitions`]),
    ...(counts.late === 0 ? [] : [`${counts.late} late records`]),
  ]
  return odd.length === 0 ? [] : [`left out: ${odd.join(', ')}`]
}

export function comparisonText(
  [first, second]: readonly [BacktestReport, BacktestReport],
  { sooner, same, later }: { readonly sooner: number; readonly same: number; readonly later: number },
): string {
  const orders = sooner + same + later
  const times = orders === 1 ? 'in the recorded order' : `in ${orders} shuffles`
  return `${first.policy} against ${second.policy}, ${times}: rolls back sooner ${sooner}, after as many pairs ${same}, later ${later}`
}
