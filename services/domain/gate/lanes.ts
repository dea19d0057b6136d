import type { Comparison, Evidence } from '../events/records.ts'
import { type AdvanceState, createAdvanceState } from './advance-state.ts'
import { type Completeness, createCompleteness } from './completeness.ts'
import { streamOf } from './corrections.ts'
import { type HourCounts, hoursKey } from './hourly-discordance.ts'
import type { Questions } from './live-singles.ts'
import { createPairJournal, type PairJournal } from './pair-journal.ts'
import type { AdvanceTest, AnalysisPlan } from './plan.ts'
import { type ReaderIndex, type Readers, readersOf } from './readers.ts'
import { createSplitWatch, type SplitWatch } from './split-watch.ts'
import { pairUnitsOf, placePrefix, stratumOf, type UnitLedger } from './unit-ledger.ts'

/** The states of a gate that belong to stage entries. */
export interface StageEntryStates {
  readonly plan: AnalysisPlan
  readonly questions: Questions
  readonly readers: ReaderIndex
  readonly ledger: UnitLedger
  /** `wave/stage entry/test id` → state of that stage entry. */
  readonly advance: Map<string, AdvanceState>
  /** `wave/stage entry/comparison` → legs planned and heard. */
  readonly completeness: Map<string, Completeness>
  /** `wave/stage entry/` → how its units were split. */
  readonly splits: Map<string, SplitWatch>
  /** `wave/metric/comparison` → pairs that differ, by hour. */
  readonly hours: Map<string, HourCounts[]>
  /** Pairs that have entered, by stream of the run (`/…`) or of a stage entry. */
  readonly journals: Map<string, PairJournal>
  /** Wave → its lanes; see `laneOf`. */
  readonly lanes: Map<string, Lane[]>
}

/**
 * What records of one stage entry, rule, weight, comparison, horizon and source have in common: who reads them, and by name the states that they belong
 * to. Found once for all of them, since looking names up is much of what a record costs. No state of its own: made again from the rest whenever needed.
 */
export interface Lane {
  readonly wave: string
  readonly stageEntry: number
  readonly rule: string
  readonly weight: number
  readonly comparison: Comparison
  readonly horizonMs: number
  readonly source: string
  readonly readers: Readers
  readonly stratum: string
  /** Names of its sequence of pairs over the run and within the stage entry. */
  readonly runStream: string
  readonly stageStream: string
  /** Set with the first record that needs them. */
  runUnits?: Map<string, number>
  stageUnits?: Map<string, number>
  runJournal?: PairJournal
  stageJournal?: PairJournal
  completeness?: Completeness
  /** By the place of their test among the readers. */
  readonly advance: (AdvanceState | undefined)[]
  readonly hours: (HourCounts[] | undefined)[]
}

/** Stage entries whose advance states are kept: the present one and the few before it whose records may still arrive. */
const stageEntriesKept = 4
/** Of one wave: its last two stage entries by rule, weight, comparison, horizon and source. Beyond that they are made anew. */
const lanesMax = 256

/** The lane of a record whose stage entry the ledger keeps: what such a lane refers to is not forgotten. */
export function laneOf(gate: StageEntryStates, evidence: Evidence): Lane {
  const { wave } = evidence.place
  let lanes = gate.lanes.get(wave)
  if (lanes === undefined || lanes.length >= lanesMax) {
    lanes = []
    gate.lanes.set(wave, lanes)
  }
  for (const lane of lanes) if (isOf(lane, evidence)) return lane
  const lane = createLane(gate, evidence)
  lanes.push(lane)
  return lane
}

/** With a new stage entry of the wave: lanes of those before would hold what the gate has forgotten. */
export function forgetLanes(gate: StageEntryStates, wave: string): void {
  gate.lanes.delete(wave)
}

function isOf(lane: Lane, { place, comparison, horizon_ms: horizonMs, source }: Evidence): boolean {
  return (
    lane.horizonMs === horizonMs &&
    lane.stageEntry === place.stage_entry &&
    lane.weight === place.candidate_weight &&
    lane.comparison === comparison &&
    lane.rule === place.rule &&
    lane.source === source
  )
}

function createLane(gate: StageEntryStates, evidence: Evidence): Lane {
  const { place, comparison, horizon_ms: horizonMs, source } = evidence
  const stream = streamOf(evidence)
  return {
    wave: place.wave,
    stageEntry: place.stage_entry,
    rule: place.rule,
    weight: place.candidate_weight,
    comparison,
    horizonMs,
    source,
    readers: readersOf(gate.readers, gate.plan, gate.questions, evidence),
    stratum: stratumOf(evidence),
    runStream: `/${stream}`,
    stageStream: placePrefix(place) + stream,
    advance: [],
    hours: [],
  }
}

/** Unit → pairs passed, over the run and within the stage entry. */
export function unitsOf({ ledger }: StageEntryStates, lane: Lane) {
  lane.runUnits ??= pairUnitsOf(ledger, lane.runStream)
  lane.stageUnits ??= pairUnitsOf(ledger, lane.stageStream)
  return { inRun: lane.runUnits, inStage: lane.stageUnits }
}

export function runJournalOf(gate: StageEntryStates, lane: Lane): PairJournal {
  lane.runJournal ??= journalOf(gate, lane, lane.runStream)
  return lane.runJournal
}

export function stageJournalOf(gate: StageEntryStates, lane: Lane): PairJournal {
  lane.stageJournal ??= journalOf(gate, lane, lane.stageStream)
  return lane.stageJournal
}

/** Journals are kept as long as the ledger keeps the units of their stream. */
function journalOf(gate: StageEntryStates, { wave, stageEntry }: Lane, name: string): PairJournal {
  return kept(gate.journals, name, createPairJournal, wave, stageEntry, 1)
}

/** The state of the `index`-th of the advance tests that read the lane. */
export function advanceStateIn(gate: StageEntryStates, lane: Lane, index: number, { id }: AdvanceTest): AdvanceState {
  const known = lane.advance[index]
  if (known !== undefined) return known
  const { wave, stageEntry } = lane
  const state = kept(gate.advance, `${wave}/${stageEntry}/${id}`, createAdvanceState, wave, stageEntry)
  lane.advance[index] = state
  return state
}

/** The hours of the same test, over all stages of the wave. */
export function hoursIn({ hours }: StageEntryStates, lane: Lane, index: number, test: AdvanceTest): HourCounts[] {
  const known = lane.hours[index]
  if (known !== undefined) return known
  const key = hoursKey(lane.wave, test)
  const found = hours.get(key) ?? []
  hours.set(key, found)
  lane.hours[index] = found
  return found
}

/** Of a lane, or of a record of a stage entry that is no longer kept, which has none. */
export function completenessOf(gate: StageEntryStates, evidence: Evidence, lane: Lane | null): Completeness {
  if (lane?.completeness !== undefined) return lane.completeness
  const { wave, stage_entry: stageEntry } = evidence.place
  const name = `${wave}/${stageEntry}/${evidence.comparison}`
  const found = kept(gate.completeness, name, createCompleteness, wave, stageEntry)
  if (lane !== null) lane.completeness = found
  return found
}

export function splitOf(gate: StageEntryStates, evidence: Evidence): SplitWatch {
  const { place } = evidence
  return kept(gate.splits, placePrefix(place), createSplitWatch, place.wave, place.stage_entry)
}

/** The state of that name; with a new one those of stage entries long before it are forgotten. */
function kept<State>(
  states: Map<string, State>,
  name: string,
  create: () => State,
  wave: string,
  stageEntry: number,
  entries = stageEntriesKept,
): State {
  const known = states.get(name)
  if (known !== undefined) return known
  const state = create()
  states.set(name, state)
  for (const key of states.keys()) {
    const [keyWave, keyEntry] = key.split('/')
    if (keyWave === wave && Number(keyEntry) < stageEntry - entries) states.delete(key)
  }
  return state
}
