import { pooledEstimate } from '../stats/slices/pooled-estimate.ts'
import { type AdvanceState, type CarriedPairs, createAdvanceState, differenceOf } from './advance-state.ts'
import type { AdvanceTest, AnalysisPlan } from './plan.ts'

/** Estimates of shadow and canary are combined only while they agree at this level. */
const agreeAbove = 0.1

/**
 * What may be carried into a canary's question: the pairs of the wave's newest shadow stage, if that question passed there. An approved shadow stage that
 * did not pass carries nothing. Taken once, with the first own record, so that every gate takes the same.
 * @param stateOf the wave's state of a test in a stage entry
 */
export function carriedFor(
  test: AdvanceTest,
  stageEntry: number,
  stateOf: (stageEntry: number, test: string) => AdvanceState | undefined,
): CarriedPairs | null {
  const from = test.carriesFrom
  if (from == null) return null
  for (let entry = stageEntry - 1; entry > 0; entry -= 1) {
    const state = stateOf(entry, from)
    if (state !== undefined) return state.passed ? { table: { ...state.table }, refused: false } : null
  }
  return null
}

/** The carried pairs as a state of their own, when they may be used now: with the fewest units of the canary's own, and not refused. */
export function usableCarried(test: AdvanceTest, state: AdvanceState, plan: AnalysisPlan): AdvanceState | null {
  const { carried } = state
  if (carried == null || carried.refused) return null
  const own = differenceOf(test, state)
  return own === null || own.n < plan.unitsMin ? null : { ...createAdvanceState(), table: { ...carried.table } }
}

/** Cochran's Q of the two stages' differences: p > .1, or the canary stands alone. Asked at each look, before it is taken. */
export function agrees(test: AdvanceTest, own: AdvanceState, carried: AdvanceState): boolean {
  const estimates = [differenceOf(test, own), differenceOf(test, carried)].filter((estimate) => estimate !== null)
  const effects = estimates.map(({ difference }) => difference)
  const errors = estimates.map(({ error }) => error)
  return pooledEstimate({ effects, errors }, agreeAbove).p > agreeAbove
}
