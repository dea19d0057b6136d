import type { Place } from '../events/records.ts'
import { createHarmState, type HarmState } from './harm-state.ts'
import type { HarmTest } from './plan.ts'

/** A stage entry in which a person said yes to what the gate would not have permitted. */
export interface Approval {
  readonly wave: string
  readonly stageEntry: number
}

/**
 * What guards a metric after a person has approved that it is proven worse, though within its margin. The no-harm null is known to be false, so its alarm
 * says nothing more: a fresh process at half the α asks whether the harm lies beyond the margin (paired: Δ ≤ M; live arms: rate ratio at most the one that
 * acts).
 */
export function guardTestOf(test: HarmTest): HarmTest {
  const alpha = test.alpha / 2
  if (test.engine === 'event_share') return { ...test, alpha, nullRateRatio: test.rateRatioMin ?? test.nullRateRatio }
  return { ...test, alpha, engine: 'beyond_margin', rule: 'beyond_margin' }
}

/** True when the test proves "worse" apart from "beyond the margin", so that a person can approve the one without the other. */
export function canBeGuarded(test: HarmTest): boolean {
  return test.burstAbove === null && (test.engine === 'paired_binary' || test.engine === 'event_share')
}

/**
 * Begins the guard with the first record of a stage entry after an approved one of its wave: what was proven before it is what the person saw. The
 * records alone say when, so that every gate that reads them begins at the same one.
 */
export function guardIfApproved(test: HarmTest, state: HarmState, approvals: readonly Approval[], place: Place): void {
  if (state.guard !== null || state.rejectedAtMs === null || state.acted !== null || !canBeGuarded(test)) return
  const approved = approvals.some(({ wave, stageEntry }) => wave === place.wave && place.stage_entry > stageEntry)
  if (approved) state.guard = createHarmState()
}
