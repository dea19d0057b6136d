import type { Evidence } from '../events/records.ts'
import type { AnalysisPlan } from './plan.ts'
import { searchedMetric } from './slice-search.ts'

/**
 * The pairs that have entered tests, in the order in which they did, with the outcomes that the tests took: what a correction needs to put another
 * outcome in the place of the first. One row per unit, so the ledger of units bounds it.
 */
export interface PairJournal {
  /** Sets of tests that took the same pairs. */
  readonly groups: TestGroup[]
  /** Evidence id → row. A row that is corrected keeps its place. */
  readonly rows: Map<string, JournalRow>
}

interface TestGroup {
  /** Tests by their ids, and questions of the search by their names. */
  readonly tests: readonly string[]
  readonly metrics: readonly string[]
}

/**
 * Version, index into the groups, then baseline and candidate of each metric of the group. One flat array: there is a row for every pair, and what the
 * collector has to move is most of what a record costs.
 */
export type JournalRow = readonly [version: number, group: number, ...values: number[]]

export function createPairJournal(): PairJournal {
  return { groups: [], rows: new Map() }
}

/** Notes that these tests took the record. */
export function notePair(journal: PairJournal, plan: AnalysisPlan, evidence: Evidence, tests: readonly string[]): void {
  if (tests.length === 0) return
  let group = journal.groups.findIndex((known) => isSame(known.tests, tests))
  if (group === -1) {
    const deciding = [...plan.harm, ...plan.advance].flatMap(({ id, metric }) => (tests.includes(id) ? [metric] : []))
    const searched = tests.flatMap((name) => searchedMetric(name) ?? [])
    group = journal.groups.push({ tests, metrics: [...new Set([...deciding, ...searched])] }) - 1
  }
  const row = rowOf(group, journal.groups[group]?.metrics ?? [], evidence)
  if (row !== null) journal.rows.set(evidence.id, row)
}

function isSame(known: readonly string[], tests: readonly string[]): boolean {
  return known.length === tests.length && known.every((test, at) => test === tests[at])
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
  const at = journal.groups.map(({ tests, metrics }) => (tests.includes(test.id) ? metrics.indexOf(test.metric) : -1))
  const pairs: TestPair[] = []
  for (const [id, row] of journal.rows) {
    const column = at[row[1]] ?? -1
    if (column !== -1) pairs.push({ id, ...outcomesIn(row, column) })
  }
  return pairs
}

/** Plain-data form for snapshots. */
export interface PairJournalData {
  readonly groups: readonly TestGroup[]
  readonly rows: readonly (readonly [id: string, ...JournalRow])[]
}

export function journalToData({ groups, rows }: PairJournal): PairJournalData {
  return { groups, rows: [...rows].map(([id, row]) => [id, ...row] as const) }
}

export function journalFromData({ groups, rows }: PairJournalData): PairJournal {
  return { groups: [...groups], rows: new Map(rows.map(([id, ...row]) => [id, row])) }
}
