import { type Machine, machineLine } from '../support/machine.ts'
import type { BootstrapResult } from './bootstrap.ts'
import type { EvidenceResult } from './evidence-records.ts'
import type { SliceEvaluation } from './slice-evaluation.ts'

/** Everything that one run measured, as it is kept in statistics.json. */
export interface StatisticsRun {
  readonly machine: Machine
  readonly command: string
  readonly pairs: number
  readonly resamples: number
  readonly slices: SliceEvaluation
  readonly evidence: readonly EvidenceResult[]
  readonly bootstrap: readonly BootstrapResult[]
}

/** The run as Markdown. */
export function tablesOf(run: StatisticsRun): string {
  const { slices } = run
  const [first] = run.bootstrap
  const peers = first?.peers
  const versions = peers === undefined ? [] : [`Python ${peers.python}`, `numpy ${peers.numpy}`, `scipy ${peers.scipy}`]
  return [
    `\`${run.command}\``,
    machineLine(run.machine, versions),
    '',
    ...run.bootstrap.flatMap((result) => bootstrapLines(result, run)),
    `A look over ${number(slices.pairs)} pairs × ${slices.metrics} metrics × ${slices.slices} slices from their counts: ${time(slices.timing.medianMs)} (goal 1 s; ${slices.timing.repetitions} repetitions, fastest ${time(slices.timing.fastestMs)}).`,
    '',
    '| one more record | metrics | tests | µs a record | µs a metric (goal 2) | µs a test | one verdict | heap after | snapshot |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...run.evidence.map(evidenceLine),
  ].join('\n')
}

function bootstrapLines(result: BootstrapResult, { pairs, resamples }: StatisticsRun): readonly string[] {
  const row = (who: string, ms: number, cpuMs: number, [low, high]: readonly [number, number]) =>
    `| ${who} | ${time(ms)} | ${time(cpuMs)} | ${low.toFixed(5)} to ${high.toFixed(5)} | ${(cpuMs / result.ours.medianCpuMs).toPrecision(2)} |`
  return [
    `Bootstrap of ${result.what}: ${number(resamples)} resamples of ${number(pairs)} pairs. Faster than scipy ${result.timesScipyCpu.toFixed(1)} times by processor time, ${result.timesScipy.toFixed(1)} times by the clock; ends at most ${result.endsApart.toFixed(1)} Monte-Carlo deviations apart.`,
    '',
    '| who | clock | processor | 95 % percentile interval | processor, times ours |',
    '| --- | --- | --- | --- | --- |',
    row('Penstock', result.ours.medianMs, result.ours.medianCpuMs, result.ours.interval),
    ...Object.entries(result.peers.results).map(([name, run]) => row(name, run.ms, run.cpuMs, run.interval)),
    '',
  ]
}

function evidenceLine(result: EvidenceResult): string {
  const cells = [
    `${result.comparison}, ${number(result.records)} records`,
    result.metrics,
    result.tests,
    result.microsPerRecord.toFixed(1),
    result.microsPerMetric.toFixed(1),
    result.microsPerTest.toFixed(1),
    time(result.judge.medianMs),
    `${(result.heapBytes / 2 ** 20).toFixed(0)} MiB`,
    `${(result.snapshotBytes / 2 ** 20).toFixed(1)} MiB`,
  ]
  return `| ${cells.join(' | ')} |`
}

function time(ms: number): string {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(2)} ms`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
