import type { Arm } from '../events/records.ts'
import { farringtonManning } from '../stats/farrington-manning.ts'
import { tangoScore } from '../stats/tango.ts'
import type { TwoArms } from '../stats/unpaired/restricted-rates.ts'
import type { AdvanceTest, AnalysisPlan, Frozen } from './plan.ts'

/** Counts of one advance test in one stage entry, and the looks it has spent. Plain data. */
export interface AdvanceState {
  /** Paired: both, only candidate, only baseline, neither. */
  readonly table: { both: number; onlyCandidate: number; onlyBaseline: number; neither: number }
  /** Unpaired: units and events per arm. */
  readonly units: Record<Arm, number>
  readonly events: Record<Arm, number>
  /** The statistic at each look that was taken, in order. */
  readonly statistics: number[]
  passed: boolean
  /** The difference at the look that passed: what comes after is not what the permission rests on. */
  passedWith: DifferenceEstimate | null
  /** The pairs on which a paired test passed; null before that. */
  passedOn: AdvanceState['table'] | null
}

/** Candidate − baseline with its standard error, from n units (pairs, or units of the candidate). */
export interface DifferenceEstimate {
  readonly difference: number
  readonly error: number
  readonly n: number
}

export function createAdvanceState(): AdvanceState {
  return {
    table: { both: 0, onlyCandidate: 0, onlyBaseline: 0, neither: 0 },
    units: { baseline: 0, candidate: 0 },
    events: { baseline: 0, candidate: 0 },
    statistics: [],
    passed: false,
    passedWith: null,
    passedOn: null,
  }
}

/** Adds one pair of binary outcomes. */
export function addPair(state: AdvanceState, baseline: number, candidate: number): void {
  state.table[cellOf({ baseline, candidate })] += 1
}

interface BinaryPair {
  readonly baseline: number
  readonly candidate: number
}

function cellOf({ baseline, candidate }: BinaryPair): keyof AdvanceState['table'] {
  if (candidate === 1) return baseline === 1 ? 'both' : 'onlyCandidate'
  return baseline === 1 ? 'onlyBaseline' : 'neither'
}

/**
 * Puts corrected outcomes in the place of the pair at `position` (from 0). Looks that were taken stay spent. A pass that rested on the pair must hold on the
 * corrected data too, at its own bound, else it is taken back and the next look may pass; what did not pass is not looked at again.
 */
export function correctPair(
  test: AdvanceTest,
  state: AdvanceState,
  { position, from, to }: { readonly position: number; readonly from: BinaryPair; readonly to: BinaryPair },
  plan: AnalysisPlan,
  frozen: Frozen | null,
): void {
  const inPass = state.passedOn !== null && position < sizeOf(state.passedOn)
  for (const table of state.passedOn !== null && inPass ? [state.table, state.passedOn] : [state.table]) {
    table[cellOf(from)] -= 1
    table[cellOf(to)] += 1
  }
  const bound = plan.looks[state.statistics.length - 1]?.bound
  const margin = marginValue(test, frozen)
  if (state.passedOn === null || !inPass || bound === undefined || margin === null) return
  const statistic = tangoZ(state.passedOn, margin)
  state.statistics[state.statistics.length - 1] = statistic
  state.passed = statistic <= -bound
  state.passedWith = state.passed ? differenceOf(test, { ...state, table: state.passedOn }) : null
  if (!state.passed) state.passedOn = null
}

/** Adds one unit of one arm. */
export function addUnit(state: AdvanceState, arm: Arm, event: boolean): void {
  state.units[arm] += 1
  if (event) state.events[arm] += 1
}

/** The margin as a number; a relative one needs what calibration froze, and is null before that. */
export function marginValue(
  test: { readonly metric: string; readonly margin: AdvanceTest['margin'] },
  frozen: Frozen | null,
): number | null {
  if (test.margin.kind === 'absolute') return test.margin.value
  const baseline = frozen?.baselineValues[test.metric]
  return baseline === undefined ? null : Math.max(test.margin.floor, test.margin.factor * baseline)
}

/**
 * Information on the difference so far, 1 / Var(Δ̂). Paired: n / (ψ − Δ²) with ψ not below the floor that calibration froze. Unpaired:
 * 1 / (p(1−p)(1/n₁ + 1/n₀)) with the pooled rate p not below the assumed one. Neither lies below the margin M: a difference of M needs that many
 * events, so data without any event know no more than that. A floor keeps a quiet start from looking like knowledge.
 */
function information(test: AdvanceTest, state: AdvanceState, frozen: Frozen | null): number {
  if (test.engine === 'tango') {
    const { n, difference, discordance } = paired(state)
    if (n === 0) return 0
    const floor = Math.max(frozen?.discordanceFloors[test.metric] ?? test.assumedRate, marginValue(test, frozen) ?? 0)
    return n / Math.max(discordance - difference * difference, floor)
  }
  const { baseline, candidate } = state.units
  if (baseline === 0 || candidate === 0) return 0
  const pooled = Math.max(
    (state.events.baseline + state.events.candidate) / (baseline + candidate),
    test.assumedRate,
    marginValue(test, frozen) ?? 0,
  )
  return 1 / (pooled * (1 - pooled) * (1 / candidate + 1 / baseline))
}

/**
 * Takes a look if the information has just crossed the next planned value. Called after every record, so that the data of a look end with the
 * very record that crossed it. A pass stays passed; after the last look there is never another. Each test has its own information clock: its four looks
 * are those its bounds were computed for, and a stage advances when the slowest has passed.
 */
export function lookIfDue(test: AdvanceTest, state: AdvanceState, plan: AnalysisPlan, frozen: Frozen | null): void {
  if (state.passed) return
  // Before calibration is over the floors that size a look are not known.
  if (frozen === null && plan.calibrationPairs > 0) return
  const look = plan.looks[state.statistics.length]
  const margin = marginValue(test, frozen)
  if (look === undefined || margin === null) return
  const informationMax = test.informationFixed / (plan.looks[0]?.fraction ?? 1)
  if (information(test, state, frozen) < look.fraction * informationMax) return
  const statistic = nonInferiorityZ(test, state, margin)
  state.statistics.push(statistic)
  state.passed = statistic <= -look.bound
  if (state.passed) state.passedWith = differenceOf(test, state)
  if (state.passed && test.engine === 'tango') state.passedOn = { ...state.table }
}

/** All looks spent without a pass. */
export function looksExhausted(state: AdvanceState, plan: AnalysisPlan): boolean {
  return !state.passed && state.statistics.length >= plan.looks.length
}

/** z of H0: Δ ≥ margin; small means acceptable. */
function nonInferiorityZ(test: AdvanceTest, state: AdvanceState, margin: number): number {
  if (test.engine === 'tango') return tangoZ(state.table, margin)
  return farringtonManning({ ...armsOf(state), difference: margin }).z
}

function tangoZ(table: AdvanceState['table'], difference: number): number {
  const { onlyCandidate, onlyBaseline } = table
  return tangoScore({ onlyCandidate, onlyBaseline, n: sizeOf(table), difference })
}

function sizeOf({ both, onlyCandidate, onlyBaseline, neither }: AdvanceState['table']): number {
  return both + onlyCandidate + onlyBaseline + neither
}

/** Counts of an unpaired test as the statistics take them. */
export function armsOf(state: AdvanceState): TwoArms {
  return {
    candidateEvents: state.events.candidate,
    candidateUnits: state.units.candidate,
    baselineEvents: state.events.baseline,
    baselineUnits: state.units.baseline,
  }
}

function paired(state: AdvanceState): { n: number; difference: number; discordance: number } {
  const { onlyCandidate, onlyBaseline } = state.table
  const n = sizeOf(state.table)
  if (n === 0) return { n, difference: 0, discordance: 0 }
  return { n, difference: (onlyCandidate - onlyBaseline) / n, discordance: (onlyCandidate + onlyBaseline) / n }
}

/**
 * The difference as it stands; null before both sides have units. Half an event more on each side than was seen (pairs: on each side of the discordance),
 * so that a quiet stage is not taken for a precise one.
 */
export function differenceOf(test: AdvanceTest, state: AdvanceState): DifferenceEstimate | null {
  if (test.engine === 'tango') {
    const { n, difference, discordance } = paired(state)
    if (n === 0) return null
    return { difference, error: Math.sqrt((discordance + 1 / n - difference ** 2) / n), n }
  }
  const { baseline, candidate } = state.units
  if (baseline === 0 || candidate === 0) return null
  const variance = (arm: Arm) => {
    const p = (state.events[arm] + 0.5) / (state.units[arm] + 1)
    return (p * (1 - p)) / state.units[arm]
  }
  const difference = state.events.candidate / candidate - state.events.baseline / baseline
  return { difference, error: Math.sqrt(variance('baseline') + variance('candidate')), n: candidate }
}

/** Units entered so far: pairs, or units of the candidate. */
export function unitsEntered(test: AdvanceTest, state: AdvanceState): number {
  return test.engine === 'tango' ? paired(state).n : state.units.candidate
}

/** Units that the first look needs at the rates seen so far; at least the forecast when nothing has been seen. */
export function unitsRequired(test: AdvanceTest, state: AdvanceState, frozen: Frozen | null): number {
  const entered = unitsEntered(test, state)
  const known = information(test, state, frozen)
  if (entered === 0 || known === 0) return test.requiredUnits
  return Math.ceil((entered * test.informationFixed) / known)
}
