import type { Evidence } from '../events/records.ts'
import type { AnalysisPlan } from './plan.ts'

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
  readonly tests: readonly string[]
  readonly metrics: readonly string[]
}

export interface JournalRow {
  readonly version: number
  /** Index into the groups. */
  readonly group: number
  /** Baseline and candidate of each metric of the group. */
  readonly values: readonly number[]
}

export function createPairJournal(): PairJournal {
  return { groups: [], rows: new Map() }
}

/** Notes that these tests took the record. */
export function notePair(journal: PairJournal, plan: AnalysisPlan, evidence: Evidence, tests: readonly string[]): void {
  if (tests.length === 0) return
  const name = tests.join()
  let group = journal.groups.findIndex((known) => known.tests.join() === name)
  if (group === -1) {
    const deciding = new Set(
      [...plan.harm, ...plan.advance].flatMap(({ id, metric }) => (tests.includes(id) ? [metric] : [])),
    )
    group = journal.groups.push({ tests, metrics: [...deciding] }) - 1
  }
  const values = valuesOf(journal.groups[group]?.metrics ?? [], evidence)
  if (values !== null) journal.rows.set(evidence.id, { version: evidence.version, group, values })
}

/** The outcomes of a record for these metrics; null when it lacks any, so that it cannot stand in a row's place. */
export function valuesOf(metrics: readonly string[], evidence: Evidence): readonly number[] | null {
  const values: number[] = []
  for (const name of metrics) {
    const value = evidence.metrics.find((metric) => metric.name === name)
    if (value?.baseline == null || value.candidate === null) return null
    values.push(value.baseline, value.candidate)
  }
  return values
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
  for (const [id, { group, values }] of journal.rows) {
    const column = at[group] ?? -1
    const [baseline, candidate] = [values[2 * column], values[2 * column + 1]]
    if (column !== -1 && baseline !== undefined && candidate !== undefined) pairs.push({ id, baseline, candidate })
  }
  return pairs
}

/** Plain-data form for snapshots. */
export interface PairJournalData {
  readonly groups: readonly TestGroup[]
  readonly rows: readonly (readonly [string, number, number, ...number[]])[]
}

export function journalToData({ groups, rows }: PairJournal): PairJournalData {
  return { groups, rows: [...rows].map(([id, { version, group, values }]) => [id, version, group, ...values] as const) }
}

export function journalFromData({ groups, rows }: PairJournalData): PairJournal {
  return {
    groups: [...groups],
    rows: new Map(rows.map(([id, version, group, ...values]) => [id, { version, group, values }])),
  }
}
