import { type Machine, machineLine } from '../support/machine.ts'
import type { Cell, MeasureOptions } from './measure.ts'

/** All questions at one number of pairs. */
export interface SizeResult {
  readonly millionPairs: number
  readonly rows: { readonly legs: number; readonly evidence: number }
  readonly diskGB: number
  readonly generateSeconds: number
  readonly cells: readonly Cell[]
}

export interface QueryResults extends Pick<MeasureOptions, 'turns' | 'slowMs'> {
  readonly machine: Machine
  readonly command: string
  readonly sizes: readonly SizeResult[]
}

export function tablesOf({ machine, command, turns, slowMs, sizes }: QueryResults): string {
  const first = sizes[0]?.cells ?? []
  const rows = first.map(({ name, span }) => {
    const cells = sizes.map((size) => size.cells.find((cell) => cell.name === name && cell.span === span))
    return `| ${[name, span, ...cells.map((cell) => (cell === undefined ? '' : timesOf(cell, slowMs)))].join(' | ')} |`
  })
  const heads = sizes.map(({ millionPairs }) => `${millionPairs} million`)
  return [
    `\`${command}\``,
    machineLine(machine, ['ClickHouse 26.7 (embedded)']),
    '',
    ...sizes.map(
      ({ millionPairs, rows: { legs, evidence }, diskGB, generateSeconds }) =>
        `- ${millionPairs} million pairs: ${million(legs)} million legs, ${million(evidence)} million records of evidence, ${diskGB.toFixed(1)} GB on disk; generated in ${Math.round(generateSeconds)} s.`,
    ),
    '',
    `p50 / p99 in ms of up to ${turns} turns (of fewer, in brackets how many), then rows read in millions; **bold**: p99 above ${slowMs / 1_000} s.`,
    '',
    `| question | over | ${heads.join(' | ')} |`,
    `| --- | --- |${' --- |'.repeat(heads.length)}`,
    ...rows,
    ...plansOf(sizes),
  ].join('\n')

  function timesOf({ times, rowsRead, refused }: Cell, slow: number): string {
    if (refused !== null) return `**refused**: ${/\(([A-Z_]+)\)/.exec(refused)?.[1] ?? refused}`
    const count = times.count < turns ? ` (${times.count})` : ''
    const text = `${Math.round(times.p50)} / ${Math.round(times.p99)}${count}; ${million(rowsRead)}`
    return times.p99 > slow ? `**${text}**` : text
  }
}

/** What is slow at the largest size, and how much of its tables it reads; the whole plan is in the raw results. */
function plansOf(sizes: readonly SizeResult[]): readonly string[] {
  const slow = sizes.at(-1)?.cells.filter(({ plan }) => plan !== null) ?? []
  if (slow.length === 0) return []
  return [
    '',
    'What the slow ones read at the largest size, by their plans:',
    '',
    ...slow.map(({ name, span, plan }) => `- \`${name}\` over ${span}: ${readsOf(plan ?? '').join('; ')}.`),
  ]
}

const granulesMin = 10

/** One text for each time that a table is read, in the words of `EXPLAIN indexes = 1`: what is left of its parts and granules behind all indexes. */
function readsOf(plan: string): readonly string[] {
  return plan
    .split('ReadFromMergeTree (')
    .slice(1)
    .flatMap((read) => {
      const table = /^[^)]*\.(\w+)\)/.exec(read)?.[1] ?? 'a table'
      const [, parts, granules] = /Parts: (\d+) \| Granules: (\d+)/.exec(read) ?? []
      const total = /Granules: \d+\/(\d+)/.exec(read)?.[1]
      if (total === undefined) return [`all of \`${table}\``]
      // A table that small costs nothing, however often it is read.
      if (Number(total) < granulesMin) return []
      return [`${granules} of ${total} granules of \`${table}\` in ${parts} parts`]
    })
}

function million(rows: number): string {
  return (rows / 1e6).toFixed(rows < 1e7 ? 2 : 0)
}
