import type { Evidence } from '../events/records.ts'
import type { AnalysisPlan } from './plan.ts'
import { searchedMetric } from './slice-search.ts'

/**
 * The pairs that have entered tests, in the order in which they did, with the outcomes that the tests took: what a correction needs to put another
 * outcome in the place of the first. One row per unit, so the ledger of units bounds it. Rows lie end to end in one list of numbers, since there is one for
 * every pair and a correction for few: an object for each is most of what the collector would have to move.
 */
export interface PairJournal {
  /** Sets of tests that took the same pairs. */
  readonly groups: TestGroup[]
  /** Evidence ids, a row each. */
  readonly ids: string[]
  /** Where each row begins in `cells`. */
  readonly starts: number[]
  readonly cells: number[]
  /** Evidence id → row; made with the first correction, empty before it. */
  readonly rowOf: Map<string, number>
}

interface TestGroup {
  /** Tests by their ids, and questions of the search by their names. */
  readonly tests: readonly string[]
  readonly metrics: readonly string[]
}

/** Version, index into the groups, then baseline and candidate of each metric of the group. */
export type JournalRow = readonly [version: number, group: number, ...values: number[]]

export function createPairJournal(): PairJournal {
  return { groups: [], ids: [], starts: [], cells: [], rowOf: new Map() }
}

/** Notes that these tests took the record; one that lacks a metric of theirs is not noted, since it could not be corrected. */
export function notePair(journal: PairJournal, plan: AnalysisPlan, evidence: Evidence, tests: readonly string[]): void {
  if (tests.length === 0) return
  let group = journal.groups.findIndex((known) => isSame(known.tests, tests))
  if (group === -1) {
    const deciding = [...plan.harm, ...plan.advance].flatMap(({ id, metric }) => (tests.includes(id) ? [metric] : []))
    const searched = tests.flatMap((name) => searchedMetric(name) ?? [])
    group = journal.groups.push({ tests, metrics: [...new Set([...deciding, ...searched])] }) - 1
  }
  const { cells } = journal
  const start = cells.push(evidence.version, group) - 2
  for (const name of journal.groups[group]?.metrics ?? []) {
    const value = evidence.metrics.find((metric) => metric.name === name)
    if (value?.baseline == null || value.candidate === null) {
      cells.length = start
      return
    }
    cells.push(value.baseline, value.candidate)
  }
  addRow(journal, evidence.id, start)
}

function addRow({ ids, starts, rowOf }: PairJournal, id: string, start: number): void {
  starts.push(start)
  const row = ids.push(id) - 1
  if (rowOf.size > 0) rowOf.set(id, row)
}

function isSame(known: readonly string[], tests: readonly string[]): boolean {
  if (known.length !== tests.length) return false
  for (let at = 0; at < tests.length; at += 1) if (known[at] !== tests[at]) return false
  return true
}

/** A record's row as it stands; null when no test took it. */
export function journalRow(journal: PairJournal, id: string): JournalRow | null {
  const row = placeOf(journal, id)
  return row === undefined ? null : rowAt(journal, row)
}

/** Puts a row of the same group in the place of a record's. */
export function replaceRow(journal: PairJournal, id: string, corrected: JournalRow): void {
  const start = journal.starts[placeOf(journal, id) ?? -1]
  if (start === undefined) return
  for (const [at, cell] of corrected.entries()) journal.cells[start + at] = cell
}

function placeOf({ ids, rowOf }: PairJournal, id: string): number | undefined {
  if (rowOf.size === 0) for (const [row, known] of ids.entries()) rowOf.set(known, row)
  return rowOf.get(id)
}

function rowAt({ starts, cells }: PairJournal, row: number): JournalRow {
  const [version = 0, group = 0, ...values] = cells.slice(starts[row], starts[row + 1] ?? cells.length)
  return [version, group, ...values]
}

/** The record as a row of this group; null when it lacks any of these metrics, so that it cannot stand in a row's place. */
export function rowOf(group: number, metrics: readonly string[], evidence: Evidence): JournalRow | null {
  const row: [number, number, ...number[]] = [evidence.version, group]
  for (const name of metrics) {
    const value = evidence.metrics.find((metric) => metric.name === name)
    if (value?.baseline == null || value.candidate === null) return null
    row.push(value.baseline, value.candidate)
  }
  return row
}

/** What a row holds of the metric in this place of its group. */
export function outcomesIn(row: JournalRow, metric: number): { readonly baseline: number; readonly candidate: number } {
  return { baseline: row[2 + 2 * metric] ?? 0, candidate: row[3 + 2 * metric] ?? 0 }
}

/** One test's pairs. */
export interface TestPair {
  readonly id: string
  readonly baseline: number
  readonly candidate: number
}

/** The pairs that a test took, in order. */
export function pairsOf(journal: PairJournal, test: { readonly id: string; readonly metric: string }): TestPair[] {
  const { groups, ids, starts, cells } = journal
  const at = groups.map(({ tests, metrics }) => (tests.includes(test.id) ? metrics.indexOf(test.metric) : -1))
  const pairs: TestPair[] = []
  for (const [row, id] of ids.entries()) {
    const start = starts[row] ?? 0
    const column = at[cells[start + 1] ?? -1] ?? -1
    const baseline = start + 2 + 2 * column
    if (column !== -1) pairs.push({ id, baseline: cells[baseline] ?? 0, candidate: cells[baseline + 1] ?? 0 })
  }
  return pairs
}

/** Plain-data form for snapshots. */
export interface PairJournalData {
  readonly groups: readonly TestGroup[]
  readonly rows: readonly (readonly [id: string, ...JournalRow])[]
}

export function journalToData(journal: PairJournal): PairJournalData {
  return { groups: journal.groups, rows: journal.ids.map((id, row) => [id, ...rowAt(journal, row)] as const) }
}

export function journalFromData({ groups, rows }: PairJournalData): PairJournal {
  const journal: PairJournal = { ...createPairJournal(), groups: [...groups] }
  for (const [id, ...row] of rows) addRow(journal, id, journal.cells.push(...row) - row.length)
  return journal
}
