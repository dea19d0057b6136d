import type { Arm, Evidence } from '../events/records.ts'
import { addAmounts } from './advance-amounts.ts'
import { lookIfDue } from './advance-looks.ts'
import { type AdvanceState, addPair, addUnit, createAdvanceState } from './advance-state.ts'
import { type Approval, guardIfApproved, guardTestOf } from './approval-guard.ts'
import { type Calibration, calibrateWith, createCalibration } from './calibration.ts'
import { carriedFor } from './carried-pairs.ts'
import { isNotSampled, noteLegs } from './completeness.ts'
import { type AppliedCorrection, applyCorrection } from './corrections.ts'
import { addHarmRecord, createHarmState, type HarmAction, type HarmRecord, type HarmState } from './harm-state.ts'
import { type HourCounts, hoursKey, noteHour } from './hourly-discordance.ts'
import { ownSource, waitOf } from './judges.ts'
import {
  advanceStateIn,
  completenessOf,
  forgetLanes,
  hoursIn,
  type Lane,
  laneOf,
  runJournalOf,
  type StageEntryStates,
  splitOf,
  stageJournalOf,
  unitsOf,
} from './lanes.ts'
import { type HarmBits, questionsOf, singleCounts } from './live-singles.ts'
import { createNoiseFloor, type NoiseFloor, noteNoise } from './noise-floor.ts'
import { notePair } from './pair-journal.ts'
import type { AdvanceTest, AnalysisPlan, HarmTest } from './plan.ts'
import { isInSlice, stageKindOf } from './readers.ts'
import { createReleaseQueue, popReleased, push, type ReleaseQueue } from './release-queue.ts'
import { addToSearches, type SliceSearch } from './slice-search.ts'
import { noteExposure } from './split-watch.ts'
import { isThinnedOut, pairPositionOf } from './unit-choice.ts'
import {
  countOnce,
  createUnitLedger,
  exposedArm,
  keepsEntry,
  nextPairIn,
  noteStickyKey,
  unitKey,
} from './unit-ledger.ts'
import { usableEvidence } from './usable-evidence.ts'

/** What a test of a run saw that made it act. Kept: a breach is never taken back by later data. */
export interface Breach {
  readonly test: string
  /** Whether it latches by itself or goes to a person; decided by the data up to the record with which it happened. */
  readonly action: HarmAction
  readonly wave: string
  readonly stageEntry: number
  /** The record with which it happened. */
  readonly evidenceId: string
  /** Broker time up to which the exchanges had to be read for it, ms. */
  readonly releaseMs: number
}

/** All that a gate knows of one run. Owned and changed by one evaluator; a pure function of the plan and the evidence in frontier order. */
export interface RunGate extends StageEntryStates {
  readonly run: string
  readonly queue: ReleaseQueue
  readonly calibration: Calibration
  /** Harm test id → state, over the whole run. */
  readonly harm: Map<string, HarmState>
  /** Wave → its search for slices that get worse. */
  readonly searches: Map<string, SliceSearch>
  /** Stage entries that a person has approved; see `guardIfApproved`. */
  readonly approvals: Approval[]
  readonly breaches: Breach[]
  readonly corrections: AppliedCorrection[]
  readonly noise: NoiseFloor
  readonly counts: GateCounts
  /** Everything released at or before this has been entered. */
  enteredThroughMs: number
}

export interface GateCounts {
  entered: number
  /** Begun before a published frontier, or come after their release time was passed. */
  late: number
  duplicate: number
  /** Newer versions of records that had entered. */
  corrected: number
  /** Those of them that could not be put in the place of what they correct: the numbers rest on what is known to be wrong. */
  uncorrectable: number
  /** Records and values that no evidence of the plan can have. */
  unusable: number
  /** Records turned away because too many waited. */
  refused: number
  unitsDropped: number
}

export interface RunGateLimits {
  readonly waitingMax: number
  readonly unitsMax: number
}

/** @throws RangeError when the plan asks more questions of a live unit than the ledger has bits */
export function createRunGate(run: string, plan: AnalysisPlan, limits: RunGateLimits): RunGate {
  return {
    run,
    plan,
    questions: questionsOf(plan),
    readers: new Map(),
    lanes: new Map(),
    queue: createReleaseQueue(limits.waitingMax),
    ledger: createUnitLedger({ limit: limits.unitsMax, stickyKeysMax: plan.stickyKeysMin }),
    calibration: createCalibration(),
    harm: new Map(plan.harm.map((test) => [test.id, createHarmState()])),
    advance: new Map(),
    completeness: new Map(),
    splits: new Map(),
    hours: new Map(),
    searches: new Map(),
    approvals: [],
    breaches: [],
    journals: new Map(),
    corrections: [],
    noise: createNoiseFloor(),
    counts: {
      entered: 0,
      late: 0,
      duplicate: 0,
      corrected: 0,
      uncorrectable: 0,
      unusable: 0,
      refused: 0,
      unitsDropped: 0,
    },
    enteredThroughMs: 0,
  }
}

/** When a record may enter: arrival + shadow start delay (if a shadow leg takes part) + horizon + grace. */
export function releaseTimeOf(plan: AnalysisPlan, evidence: Evidence): number {
  const delayMs = evidence.comparison === 'live_ab' ? 0 : plan.shadowStartDelayMs
  return evidence.arrived_at + delayMs + evidence.horizon_ms + plan.graceMs + waitOf(plan, evidence.source)
}

/**
 * Takes a record as read from the log. What comes after its release time was passed is late or a repetition: counted, never entered; or a newer version of
 * what has entered, which takes its place (see `applyCorrection`).
 * `known`: this gate's snapshot has counted the record already; it is read again only because it may still have to enter.
 */
export function accept(gate: RunGate, evidence: Evidence, partition: number, offset: number, known = false): void {
  const count = (what: keyof GateCounts, by = 1) => {
    if (!known) gate.counts[what] += by
  }
  const usable = usableEvidence(gate.plan, evidence)
  if (usable === null) {
    count('unusable')
    return
  }
  count('unusable', usable.unusable)
  const releaseMs = releaseTimeOf(gate.plan, evidence)
  if (releaseMs <= gate.enteredThroughMs || evidence.late) {
    if (evidence.version === 0) count('late')
    else if (!known) correct(gate, usable.evidence)
    return
  }
  const outcome = push(gate.queue, { releaseMs, evidence: usable.evidence, partition, offset })
  if (outcome === 'duplicate') count('duplicate')
  if (outcome === 'full') count('refused')
}

function correct(gate: RunGate, evidence: Evidence): void {
  const outcome = applyCorrection(gate, evidence)
  gate.counts[outcome.kind === 'repeated' ? 'duplicate' : 'corrected'] += 1
  if (outcome.kind === 'impossible') gate.counts.uncorrectable += 1
  if (outcome.kind !== 'applied') return
  for (const { test, action } of outcome.asked) addBreach(gate, test, action, evidence, gate.enteredThroughMs)
}

function addBreach(gate: RunGate, test: string, action: HarmAction, evidence: Evidence, releaseMs: number): void {
  const { wave, stage_entry: stageEntry } = evidence.place
  gate.breaches.push({ test, action, wave, stageEntry, evidenceId: evidence.id, releaseMs })
}

/** Tells the gate what people have approved, before the evidence of later stage entries enters. Repetitions change nothing. */
export function noteApprovals(gate: RunGate, approvals: readonly Approval[]): void {
  for (const { wave, stageEntry } of approvals) {
    if (gate.approvals.some((known) => known.wave === wave && known.stageEntry === stageEntry)) continue
    gate.approvals.push({ wave, stageEntry })
  }
}

/** Enters everything released by `readThroughMs`, in order; returns how many records that were. */
export function enterThrough(gate: RunGate, readThroughMs: number): number {
  let entered = 0
  for (
    let next = popReleased(gate.queue, readThroughMs);
    next !== null;
    next = popReleased(gate.queue, readThroughMs)
  ) {
    enter(gate, next.evidence, next.releaseMs)
    entered += 1
  }
  gate.enteredThroughMs = Math.max(gate.enteredThroughMs, readThroughMs)
  gate.counts.entered += entered
  return entered
}

function enter(gate: RunGate, evidence: Evidence, releaseMs: number): void {
  const entry = keepsEntry(gate.ledger, evidence.place)
  if (entry === 'new') forgetLanes(gate, evidence.place.wave)
  const lane = entry === 'forgotten' ? null : laneOf(gate, evidence)
  if (evidence.source === ownSource && evidence.horizon_ms === gate.plan.legTimeoutMs)
    noteLegs(completenessOf(gate, evidence, lane), evidence)
  if (lane === null || isNotSampled(evidence)) return
  if (evidence.comparison === 'aa' || evidence.comparison === 'content_ab') noteNoise(gate, evidence)
  if (evidence.comparison === 'aa') calibrateWith(gate.calibration, gate.plan, evidence)
  else if (evidence.comparison === 'live_ab') enterSingle(gate, lane, evidence, releaseMs)
  else enterPair(gate, lane, evidence, releaseMs)
}

function enterPair(gate: RunGate, lane: Lane, evidence: Evidence, releaseMs: number): void {
  const chosen = pairPositionOf(gate.run, evidence.unit, gate.plan.pairsPerUnitMedian)
  const units = unitsOf(gate, lane)
  const key = unitKey(evidence.unit)
  const inRun = nextPairIn(gate.ledger, units.inRun, key)
  const inStage = nextPairIn(gate.ledger, units.inStage, key)
  if (inRun === null || inStage === null) gate.counts.unitsDropped += 1
  const isThin = isThinnedOut(gate.run, gate.plan, evidence)
  if (inRun === chosen) {
    const record: HarmRecord = { kind: 'pair', evidence }
    const took = forHarm(gate, lane, evidence, releaseMs, ({ slice }) => (isThin && slice === null ? null : record))
    took.push(...addToSearches(gate.searches, gate.plan, evidence))
    notePair(runJournalOf(gate, lane), gate.plan, evidence, took)
  }
  if (inStage === chosen) {
    const took: string[] = []
    forAdvance(gate, lane, evidence, (test, state, index) => {
      if (isThin && test.slice === null) return
      const value = evidence.metrics.find((metric) => metric.name === test.metric)
      if (value?.baseline == null || value.candidate === null) return
      const pair = { baseline: value.baseline, candidate: value.candidate }
      if (test.engine !== 'paired_mean') addPair(state, pair.baseline, pair.candidate)
      else if (!addAmounts(test, state, gate.calibration.frozen, pair)) return
      took.push(test.id)
      if (test.slice === null && test.engine === 'tango')
        noteHour(hoursIn(gate, lane, index, test), evidence.arrived_at, value.baseline, value.candidate)
    })
    notePair(stageJournalOf(gate, lane), gate.plan, evidence, took)
  }
}

function enterSingle(gate: RunGate, lane: Lane, evidence: Evidence, releaseMs: number): void {
  const { arm, place, assignment_unit: unit } = evidence
  if (arm === null) return
  if (stageKindOf(place.candidate_weight) === 'canary') noteStickyKey(gate.ledger, unit)
  const { stratum } = lane
  const first = exposedArm(gate.ledger, stratum, unit, arm)
  if (first === null) gate.counts.unitsDropped += 1
  if (first?.isFirst === true) noteExposure(splitOf(gate, evidence), place.rule, place.candidate_weight, arm)
  if (first?.arm !== arm) return
  const enoughKeys = gate.ledger.stickyKeys.size >= gate.plan.stickyKeysMin
  forHarm(gate, lane, evidence, releaseMs, (test, bits) => {
    const value = outcomeOf(evidence, arm, test.metric)
    if (value === null) return null
    const counted = singleCounts(gate.ledger, bits, test, evidence, stratum, value === 1)
    return {
      kind: 'single',
      evidence,
      arm,
      counts: { ...counted, mayRollBack: enoughKeys || test.engine === 'ceiling' },
    }
  })
  forAdvance(gate, lane, evidence, (test, state, index) => {
    const value = outcomeOf(evidence, arm, test.metric)
    if (value === null) return
    if (countOnce(gate.ledger, stratum, lane.readers.advance[index]?.first, unit))
      addUnit(state, evidence, arm, value === 1)
  })
}

function outcomeOf(evidence: Evidence, arm: Arm, metric: string): number | null {
  return evidence.metrics.find((value) => value.name === metric)?.[arm] ?? null
}

function forHarm(
  gate: RunGate,
  lane: Lane,
  evidence: Evidence,
  releaseMs: number,
  recordFor: (test: HarmTest, bits: HarmBits) => HarmRecord | null,
): string[] {
  const took: string[] = []
  for (const { test, bits } of lane.readers.harm) {
    const state = gate.harm.get(test.id)
    if (state === undefined || !isInSlice(test.slice, evidence)) continue
    const record = recordFor(test, bits)
    if (record === null) continue
    guardIfApproved(test, state, gate.approvals, evidence.place)
    const { frozen } = gate.calibration
    const asked = state.guard ?? state
    const before = asked.mixture.added
    const action = addHarmRecord(state.guard === null ? test : guardTestOf(test), asked, gate.plan, frozen, record)
    if (asked.mixture.added > before) took.push(test.id)
    if (action !== null) addBreach(gate, test.id, action, evidence, releaseMs)
  }
  return took
}

function forAdvance(
  gate: RunGate,
  lane: Lane,
  evidence: Evidence,
  add: (test: AdvanceTest, state: AdvanceState, index: number) => void,
): void {
  for (const [index, { test }] of lane.readers.advance.entries()) {
    if (!isInSlice(test.slice, evidence)) continue
    const state = advanceStateIn(gate, lane, index, test)
    add(test, state, index)
    if (state.carried === undefined)
      state.carried = carriedFor(test, evidence.place.stage_entry, (entry, id) =>
        gate.advance.get(`${evidence.place.wave}/${entry}/${id}`),
      )
    lookIfDue(test, state, gate.plan, gate.calibration.frozen)
  }
}

/** What is known of a question; an empty state when nothing is. Asking changes nothing. */
export function advanceStateOf(gate: RunGate, wave: string, stageEntry: number, test: string): AdvanceState {
  return gate.advance.get(`${wave}/${stageEntry}/${test}`) ?? createAdvanceState()
}

export function hoursOf(gate: RunGate, wave: string, test: AdvanceTest): readonly HourCounts[] {
  return gate.hours.get(hoursKey(wave, test)) ?? []
}
