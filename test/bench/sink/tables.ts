import type { CutPolicy } from '../../../services/sink/batch-cutter.ts'
import type { Size } from '../pairing/exchanges.ts'
import { type Machine, machineLine } from '../support/machine.ts'
import type { Run } from './course.ts'

export const contenders = ['ClickHouse, prebuilt inserts', 'sink, redaction on', 'sink, redaction off'] as const
export type Contender = (typeof contenders)[number]

/** All runs of one size; a row's bytes are those of its insert. */
export interface SinkCell {
  readonly size: Size
  readonly rows: number
  readonly bytesPerRow: number
  readonly runs: Readonly<Record<Contender, readonly Run[]>>
}

export interface SinkResults {
  readonly machine: Machine
  readonly command: string
  readonly policy: CutPolicy
  readonly lanes: number
  readonly cells: readonly SinkCell[]
}

const goal = 0.7

export function tablesOf({ machine, command, policy, lanes, cells }: SinkResults): string {
  return [
    `\`${command}\``,
    machineLine(machine, ['ClickHouse 26.7 (embedded)', 'Kafka 4.1.1', 'kafkajs 2.2.4']),
    '',
    `Inserts of up to ${policy.recordsMax.toLocaleString('en-US')} rows or ${policy.bytesMax / 1e6} MB, in ${lanes} lanes at once. CPU in seconds per million rows.`,
    '',
    '| bodies | who | rows/s | MB/s | of the limit | its CPU | ClickHouse | Kafka | peak MiB | slowest and fastest run, rows/s |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...cells.flatMap(rowsOf),
    '',
    ...cells.map(goalLine),
  ].join('\n')
}

function rowsOf(cell: SinkCell): readonly string[] {
  const limit = rateOf(cell.runs[contenders[0]])
  return contenders.map((who) => {
    const runs = cell.runs[who]
    const rate = rateOf(runs)
    const rates = runs.map((run) => rateOf([run]))
    const perMillion = (seconds: (run: Run) => number) =>
      grouped((sum(runs, seconds) / sum(runs, ({ rows }) => rows)) * 1e6)
    const cells = [
      sizeName(cell.size),
      who,
      grouped(rate),
      grouped((rate * cell.bytesPerRow) / 1e6),
      who === contenders[0] ? '' : (rate / limit).toFixed(2),
      perMillion((run) => run.cpuSeconds),
      perMillion((run) => run.storeCpuSeconds),
      perMillion((run) => run.brokerCpuSeconds),
      who === contenders[0] ? '' : grouped(Math.max(...runs.map((run) => run.peakMiB))),
      `${grouped(Math.min(...rates))}, ${grouped(Math.max(...rates))}`,
    ]
    return `| ${cells.join(' | ')} |`
  })
}

function goalLine(cell: SinkCell): string {
  const limit = rateOf(cell.runs[contenders[0]])
  const of = (who: Contender) => {
    const share = rateOf(cell.runs[who]) / limit
    return `${share.toFixed(2)} (${share >= goal ? 'met' : '**missed**'})`
  }
  return `- ${sizeName(cell.size)}: with redaction ${of('sink, redaction on')}, without ${of('sink, redaction off')} of the limit; goal ${goal}.`
}

export function rateOf(runs: readonly Run[]): number {
  return sum(runs, ({ rows }) => rows) / sum(runs, ({ seconds }) => seconds)
}

function sum(runs: readonly Run[], of: (run: Run) => number): number {
  return runs.reduce((total, run) => total + of(run), 0)
}

function sizeName(size: Size): string {
  return size === 'mix' ? 'mix' : `${size} KB`
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
