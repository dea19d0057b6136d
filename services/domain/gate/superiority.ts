import { holmAdjusted } from '../stats/multiplicity/adjusted-p.ts'
import { looksExhausted } from './advance-looks.ts'
import { type AdvanceState, createAdvanceState } from './advance-state.ts'
import type { AdvanceTest, AnalysisPlan } from './plan.ts'
import type { StageView } from './stage-view.ts'

/** Whether a primary may be called better, told once, when all primaries of the last stage have come to their last look. */
export interface SuperiorityView {
  /** One-sided p of "no better", over the looks at which it might have been asked. */
  readonly p: number
  /** The same over all primaries (Holm). */
  readonly adjustedP: number
  /** Chance that any primary of the run is called better which is not; in waves side by side this wave's part of it. */
  readonly alpha: number
  /** How many primaries are asked. */
  readonly primaries: number
  readonly better: boolean
}

/**
 * Advance test id → its claim; empty outside the last stage, and before each primary has passed or spent its looks. Holm (1979) over p-values that stand
 * still, or for amounts only fall, so what is claimed stays claimed. One that did not pass claims nothing: better is acceptable first.
 */
export function superiorityOf(
  plan: AnalysisPlan,
  stage: StageView,
  tests: readonly AdvanceTest[],
  states: ReadonlyMap<string, AdvanceState>,
): ReadonlyMap<string, SuperiorityView> {
  const { claim } = plan
  const isLast = claim?.lastStages.some(({ wave, stage: name }) => wave === stage.wave && name === stage.stageName)
  const primaries = tests
    .filter(({ claims }) => claims === true)
    .map((test) => ({ test, state: states.get(test.id) ?? createAdvanceState() }))
  const isOpen = primaries.some(({ state }) => !state.passed && !looksExhausted(state, plan))
  if (claim === undefined || isLast !== true || primaries.length === 0 || isOpen) return new Map()
  const raw = primaries.map(({ state }) => pOf(state, claim.lookShares))
  const adjusted = holmAdjusted(raw)
  return new Map(
    primaries.map(({ test }, index) => {
      const [p, adjustedP] = [raw[index] ?? 1, adjusted[index] ?? 1]
      const { alpha } = claim
      return [test.id, { p, adjustedP, alpha, primaries: primaries.length, better: adjustedP <= alpha }]
    }),
  )
}

/** Of yes/no outcomes that of its look over the look's part of the level (Bonferroni over looks); of amounts 1 / the largest E so far (Ville). */
function pOf(state: AdvanceState, lookShares: readonly number[]): number {
  if (state.amounts?.better !== undefined) return Math.exp(-Math.max(0, state.amounts.better.logBest))
  const share = lookShares[state.statistics.length - 1]
  if (!state.passed || state.betterP === undefined || share === undefined) return 1
  return Math.min(1, state.betterP / share)
}
