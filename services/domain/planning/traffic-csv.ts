import type { TrafficProfile } from './traffic-profile.ts'

/** What is wrong in a traffic file: line and column from 1, and what to write instead. */
export interface TrafficProblem {
  readonly line: number
  readonly column: number
  readonly message: string
}

export type TrafficResult =
  | { readonly kind: 'traffic'; readonly traffic: TrafficProfile }
  | { readonly kind: 'problems'; readonly problems: readonly TrafficProblem[] }

const known = ['hour', 'requests', 'units', 'golden', 'input_tokens', 'output_tokens'] as const
const dayHours = 24
const weekHours = 168
const countMax = 1e12

/**
 * Reads a traffic profile: `hour,requests` and, as known, `units`, `golden`, `input_tokens`, `output_tokens` (sums) and `key=value` per segment, one row
 * for each hour of a day (0 to 23, UTC) or of a week (0 to 167, from Monday 00:00 UTC), in any order. All problems are named at once.
 */
export function readTraffic(text: string): TrafficResult {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const header = (lines[0] ?? '').split(',').map(unquoted)
  const problems = headerProblems(header)
  if (problems.length > 0) return { kind: 'problems', problems }
  const rows = lines.slice(1).flatMap((line, index) => (line.trim() === '' ? [] : [{ line: index + 2, text: line }]))
  const hours = rows.map((row) => rowOf(row.text, row.line, header, problems))
  if (problems.length === 0) problems.push(...hourProblems(hours, rows, header))
  if (problems.length > 0) return { kind: 'problems', problems }
  const byHour = [...hours].sort((a, b) => (a['hour'] ?? 0) - (b['hour'] ?? 0))
  const columnOf = (name: string) => byHour.map((row) => row[name] ?? 0)
  const optional = (name: string) => (header.includes(name) ? columnOf(name) : null)
  return {
    kind: 'traffic',
    traffic: {
      hourlyRequests: columnOf('requests'),
      hourlyUnits: optional('units'),
      hourlyGolden: optional('golden'),
      segments: Object.fromEntries(
        header.filter((name) => name.includes('=')).map((name) => [name, columnOf(name)] as const),
      ),
      tokensPerRequest: tokensOf(columnOf('requests'), optional('input_tokens'), optional('output_tokens')),
    },
  }
}

/** The store's CSV puts texts into quotes. */
function unquoted(cell: string): string {
  return cell.trim().replace(/^"(.*)"$/, '$1')
}

function headerProblems(header: readonly string[]): TrafficProblem[] {
  const problems: TrafficProblem[] = []
  header.forEach((name, index) => {
    const at = { line: 1, column: index + 1 }
    if (header.indexOf(name) < index) problems.push({ ...at, message: `column \`${name}\` appears twice; keep one` })
    else if (!known.some((column) => column === name) && !/^[^=]+=.+$/.test(name))
      problems.push({
        ...at,
        message: `unknown column \`${name}\`; use ${known.join(', ')}, or \`key=value\` for a segment, such as \`tier=enterprise\``,
      })
  })
  for (const name of ['hour', 'requests'])
    if (!header.includes(name))
      problems.push({ line: 1, column: 1, message: `no column \`${name}\`; begin the file with \`hour,requests\`` })
  if (header.includes('input_tokens') !== header.includes('output_tokens'))
    problems.push({ line: 1, column: 1, message: 'only one of input_tokens and output_tokens; give both or neither' })
  return problems
}

function rowOf(
  text: string,
  line: number,
  header: readonly string[],
  problems: TrafficProblem[],
): Readonly<Record<string, number>> {
  const cells = text.split(',').map(unquoted)
  if (cells.length !== header.length)
    problems.push({
      line,
      column: Math.min(cells.length, header.length) + 1,
      message: `${cells.length} cells under ${header.length} columns; give one number for each of ${header.join(', ')}`,
    })
  const values = header.map((name, index) => {
    const cell = cells[index]
    const value = cell === undefined || cell === '' ? Number.NaN : Number(cell)
    if (cell !== undefined && !(value >= 0 && value <= countMax))
      problems.push({ line, column: index + 1, message: `\`${cell}\` is no count; write a number from 0 to 1e12` })
    return [name, value] as const
  })
  const row = Object.fromEntries(values)
  header.forEach((name, index) => {
    const isPart = name.includes('=') || name === 'units' || name === 'golden'
    if (isPart && (row[name] ?? 0) > (row['requests'] ?? 0))
      problems.push({
        line,
        column: index + 1,
        message: `${row[name]} of ${name} are more than the ${row['requests']} requests; count them within the same hour`,
      })
  })
  return row
}

function hourProblems(
  hours: readonly Readonly<Record<string, number>>[],
  rows: readonly { readonly line: number }[],
  header: readonly string[],
): readonly TrafficProblem[] {
  const column = header.indexOf('hour') + 1
  const length = hours.length > dayHours ? weekHours : dayHours
  const problems: TrafficProblem[] = []
  const seen = new Set<number>()
  hours.forEach((row, index) => {
    const hour = row['hour'] ?? Number.NaN
    const line = rows[index]?.line ?? 1
    if (!Number.isInteger(hour) || hour >= length)
      problems.push({ line, column, message: `hour ${hour} is not a whole number from 0 to ${length - 1}` })
    else if (seen.has(hour)) problems.push({ line, column, message: `hour ${hour} appears twice; keep one row` })
    seen.add(hour)
  })
  if (problems.length > 0) return problems
  const missing = Array.from({ length }, (_, hour) => hour).filter((hour) => !seen.has(hour))
  if (missing.length > 0)
    problems.push({
      line: (rows.at(-1)?.line ?? 1) + 1,
      column,
      message: `no row for hour ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}; give 24 hours of a day or 168 of a week (0 where there was nothing)`,
    })
  else if (hours.every((row) => row['requests'] === 0))
    problems.push({
      line: 2,
      column: header.indexOf('requests') + 1,
      message: 'no request in any hour; give the counts of a usual day or week',
    })
  return problems
}

function tokensOf(
  requests: readonly number[],
  input: readonly number[] | null,
  output: readonly number[] | null,
): TrafficProfile['tokensPerRequest'] {
  if (input === null || output === null) return null
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return { input: sum(input) / sum(requests), output: sum(output) / sum(requests) }
}
