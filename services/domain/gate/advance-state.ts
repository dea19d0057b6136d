import type { Arm, Evidence } from '../events/records.ts'
import type { TwoArms } from '../stats/unpaired/restricted-rates.ts'
import { type AmountState, amountsDifference, type DifferenceEstimate, type OutcomePair } from './advance-amounts.ts'
import { type ArmCounts, addToStrata, type LiveStrata, standardisedRates } from './live-strata.ts'
import type { AdvanceTest } from './plan.ts'

/** Pairs by outcome: bad on both sides, under the candidate alone, under the baseline alone, on neither. */
export interface PairTable {
  both: number
  onlyCandidate: number
  onlyBaseline: number
  neither: number
}

/** What of the shadow stage may count in a question of a canary, as it stood at the canary's first own record. Plain data. */
export interface CarriedPairs {
  readonly table: PairTable
  /** The two stages were found to differ: from then on the canary stands alone. */
  refused: boolean
}

/** Counts of one advance test in one stage entry, and the looks it has spent. Plain data. */
export interface AdvanceState extends AmountState {
  /** Paired: both, only candidate, only baseline, neither. */
  readonly table: PairTable
  /** Pairs of the shadow stage that may count here; set with the first own record. Undefined before it. */
  carried?: CarriedPairs | null
  /** Unpaired: units and events per arm. */
  readonly units: Record<Arm, number>
  readonly events: Record<Arm, number>
  /** Unpaired: the same units by where they come from. */
  readonly strata: LiveStrata
  /** The statistic at each look that was taken, in order. */
  readonly statistics: number[]
  /** The pairs on which a paired test passed; null before that. */
  passedOn: PairTable | null
  /** Of a question that carries a claim: one-sided p of "no better" at the look at which it passed. */
  betterP?: number
}

export function createAdvanceState(): AdvanceState {
  return {
    table: { both: 0, onlyCandidate: 0, onlyBaseline: 0, neither: 0 },
    units: { baseline: 0, candidate: 0 },
    events: { baseline: 0, candidate: 0 },
    strata: {},
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

export function cellOf({ baseline, candidate }: OutcomePair): keyof PairTable {
  if (candidate === 1) return baseline === 1 ? 'both' : 'onlyCandidate'
  return baseline === 1 ? 'onlyBaseline' : 'neither'
}

export function sizeOf({ both, onlyCandidate, onlyBaseline, neither }: PairTable): number {
  return both + onlyCandidate + onlyBaseline + neither
}

/** Adds one unit of one arm. */
export function addUnit(state: AdvanceState, evidence: Evidence, arm: Arm, event: boolean): void {
  state.units[arm] += 1
  if (event) state.events[arm] += 1
  addToStrata(state.strata, evidence, arm, event)
}

/** The rules of an unpaired test, when there are several: their rates and shares may differ, so their units are not pooled. */
export function rulesOf(state: AdvanceState): readonly ArmCounts[] | null {
  const rules = Object.values(state.strata)
  return rules.length > 1 ? rules.map(({ all }) => all) : null
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
  if (test.engine === 'paired_mean') return amountsDifference(state)
  const { baseline, candidate } = state.units
  const rules = rulesOf(state)
  if (rules !== null) {
    const rates = standardisedRates(rules)
    if (rates === null) return null
    return { difference: rates.candidate - rates.baseline, error: Math.sqrt(rates.variance), n: candidate }
  }
  if (baseline === 0 || candidate === 0) return null
  const variance = (arm: Arm) => {
    const p = (state.events[arm] + 0.5) / (state.units[arm] + 1)
    return (p * (1 - p)) / state.units[arm]
  }
  const difference = state.events.candidate / candidate - state.events.baseline / baseline
  return { difference, error: Math.sqrt(variance('baseline') + variance('candidate')), n: candidate }
}

/** Pairs so far, their difference of rates and their discordance; 0 of none. */
export function paired(state: AdvanceState): { n: number; difference: number; discordance: number } {
  const { onlyCandidate, onlyBaseline } = state.table
  const n = sizeOf(state.table)
  if (n === 0) return { n, difference: 0, discordance: 0 }
  return { n, difference: (onlyCandidate - onlyBaseline) / n, discordance: (onlyCandidate + onlyBaseline) / n }
}
