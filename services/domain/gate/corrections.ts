import type { Evidence, MetricValue } from '../events/records.ts'
import { retakeAmounts } from './advance-amounts.ts'
import { correctPair } from './advance-looks.ts'
import type { AdvanceState } from './advance-state.ts'
import { guardTestOf } from './approval-guard.ts'
import { type HarmAction, type HarmState, rebuildHarm } from './harm-state.ts'
import { correctHour, type HourCounts, hoursKey } from './hourly-discordance.ts'
import { ownSource } from './judges.ts'
import {
  type JournalRow,
  journalRow,
  outcomesIn,
  type PairJournal,
  pairsOf,
  replaceRow,
  rowOf,
} from './pair-journal.ts'
import type { AdvanceTest, AnalysisPlan, Frozen, HarmTest } from './plan.ts'
import { correctSearches, type SliceSearch, searchedMetric } from './slice-search.ts'
import { placePrefix } from './unit-ledger.ts'

/** A correction that was applied, so that a replay applies it at the same moment. */
export interface AppliedCorrection {
  readonly id: string
  readonly version: number
  /** Broker time through which evidence had entered when it came. */
  readonly atMs: number
  /** What stood in its place. */
  readonly before: { readonly version: number; readonly metrics: readonly MetricValue[] }
}

/** Corrections kept by name: far more than ½ % of any run freezes its verdicts. */
const loggedMax = 500

/** What of a gate corrections read and change. */
interface Corrected {
  readonly plan: AnalysisPlan
  readonly calibration: { readonly frozen: Frozen | null }
  readonly harm: ReadonlyMap<string, HarmState>
  readonly advance: ReadonlyMap<string, AdvanceState>
  readonly journals: ReadonlyMap<string, PairJournal>
  readonly hours: ReadonlyMap<string, readonly HourCounts[]>
  readonly searches: ReadonlyMap<string, SliceSearch>
  readonly corrections: AppliedCorrection[]
  readonly enteredThroughMs: number
}

/** What tests ask for because of a correction. */
interface Asked {
  readonly test: string
  readonly action: HarmAction
}

/** What became of a correction; nothing rests on a record that no test took. */
export type CorrectionOutcome =
  | { readonly kind: 'applied'; readonly asked: readonly Asked[] }
  | { readonly kind: 'repeated' | 'rests_on_nothing' | 'impossible' }

/**
 * Puts a newer version of an entered pair in its place: counts move, and every e-process that holds the pair is made anew from the corrected sequence. An
 * alarm that has not fired can thereby fall silent, or ring; what has acted stays, looks that were taken stay spent, and a pass must still hold on the
 * corrected data. The counts of searched slices and of hours move with it. Singles and A/A pairs cannot be corrected: which of a unit's records counted, and what was frozen, hang on them.
 */
export function applyCorrection(gate: Corrected, evidence: Evidence): CorrectionOutcome {
  if (evidence.comparison === 'live_ab' || evidence.comparison === 'aa') return { kind: 'impossible' }
  const stream = streamOf(evidence)
  const found = [`/${stream}`, placePrefix(evidence.place) + stream].flatMap((name) => entryOf(gate, name, evidence))
  const [first] = found
  if (first === undefined) return { kind: 'rests_on_nothing' }
  if (evidence.version <= first.row[0]) return { kind: 'repeated' }
  if (found.some(({ row, group }) => rowOf(row[1], group.metrics, evidence) === null)) return { kind: 'impossible' }
  if (!correctCounts(gate, evidence, found)) return { kind: 'impossible' }
  logCorrection(gate, evidence, found)
  const asked: Asked[] = []
  for (const entry of found) {
    replaceRow(entry.journal, evidence.id, rowOf(entry.row[1], entry.group.metrics, evidence) ?? entry.row)
    for (const test of gate.plan.harm) {
      const action = entry.group.tests.includes(test.id) ? correctHarm(gate, test, entry, evidence) : null
      if (action !== null) asked.push({ test: test.id, action })
    }
    for (const test of gate.plan.advance)
      if (entry.group.tests.includes(test.id)) correctAdvance(gate, test, entry, evidence)
  }
  return { kind: 'applied', asked }
}

/** In searched slices; false when the pair is not where they would have counted it. */
function correctCounts(gate: Corrected, evidence: Evidence, found: readonly Entry[]): boolean {
  const counted = found.flatMap(({ group, row }) =>
    group.tests.flatMap((name) => {
      const metric = searchedMetric(name)
      const corrected = metric === null ? null : rowOf(row[1], group.metrics, evidence)
      if (metric === null || corrected === null) return []
      return [{ name, from: outcomesOf(group, row, metric), to: outcomesOf(group, corrected, metric) }]
    }),
  )
  return correctSearches(gate.searches, gate.plan, evidence, counted)
}

interface Entry {
  readonly journal: PairJournal
  /** As it was before the correction. */
  readonly row: JournalRow
  readonly group: PairJournal['groups'][number]
}

function entryOf(gate: Corrected, name: string, { id }: Evidence): Entry[] {
  const journal = gate.journals.get(name)
  const row = journal === undefined ? null : journalRow(journal, id)
  const group = journal?.groups[row?.[1] ?? -1]
  return journal === undefined || row === null || group === undefined ? [] : [{ journal, row, group }]
}

/** Pairs of one comparison, horizon and source: each is a sequence of its own. */
export function streamOf({ comparison, horizon_ms: horizonMs, source }: Evidence): string {
  return `${comparison}/${horizonMs}${source === ownSource ? '' : `/${source}`}`
}

function logCorrection(gate: Corrected, { id, version }: Evidence, entries: readonly Entry[]): void {
  if (gate.corrections.length >= loggedMax) return
  const metrics = new Map(
    entries.flatMap(({ group, row }) => group.metrics.map((name) => [name, { name, ...outcomesOf(group, row, name) }])),
  )
  const before = { version: entries[0]?.row[0] ?? 0, metrics: [...metrics.values()] }
  gate.corrections.push({ id, version, atMs: gate.enteredThroughMs, before })
}

function outcomesOf(group: Entry['group'], row: JournalRow, metric: string) {
  return outcomesIn(row, group.metrics.indexOf(metric))
}

function correctHarm(gate: Corrected, test: HarmTest, { journal }: Entry, evidence: Evidence): HarmAction | null {
  const state = gate.harm.get(test.id)
  if (state === undefined) return null
  const pairs = pairsOf(journal, test)
  const at = { index: pairs.findIndex(({ id }) => id === evidence.id), atMs: evidence.arrived_at }
  // What entered after an approval is the guard's.
  const own = state.mixture.added
  const { frozen } = gate.calibration
  if (state.guard === null || at.index < own)
    return rebuildHarm(test, state, gate.plan, frozen, { ...at, pairs: pairs.slice(0, own) })
  const guarded = { atMs: at.atMs, index: at.index - own, pairs: pairs.slice(own) }
  return rebuildHarm(guardTestOf(test), state.guard, gate.plan, frozen, guarded)
}

function correctAdvance(gate: Corrected, test: AdvanceTest, { journal, row, group }: Entry, evidence: Evidence): void {
  const state = gate.advance.get(`${placePrefix(evidence.place)}${test.id}`)
  const pairs = pairsOf(journal, test)
  const position = pairs.findIndex(({ id }) => id === evidence.id)
  const to = pairs[position]
  if (state === undefined || to === undefined) return
  if (test.engine === 'paired_mean') {
    retakeAmounts(test, state, gate.calibration.frozen, pairs)
    return
  }
  const from = outcomesOf(group, row, test.metric)
  correctPair(test, state, { position, from, to }, gate.plan, gate.calibration.frozen)
  const hours = test.slice === null ? gate.hours.get(hoursKey(evidence.place.wave, test)) : undefined
  if (hours !== undefined) correctHour(hours, evidence.arrived_at, from, to)
}
