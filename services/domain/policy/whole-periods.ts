import type { StageSpec } from '../rollout/spec.ts'
import { fullWeight } from './default-policy.ts'

const hourMs = 3_600_000
/** From this weight on a stage lasts whole periods; below it an hour is enough to see the first harm. Parts of 100000. */
const periodFromWeight = 10_000

/**
 * A canary stage under a season of `periodMs`: from 10 % on its shortest duration is rounded up to whole periods, at least one, so that every hour of the
 * day (or day of the week) is seen equally often; a smaller canary lasts at least an hour. Shadow and full stages stay as they are.
 */
export function inWholePeriods(stage: StageSpec, periodMs: number): StageSpec {
  const { candidateWeight, minDurationMs } = stage
  if (candidateWeight === 0 || candidateWeight >= fullWeight) return stage
  if (candidateWeight < periodFromWeight) return { ...stage, minDurationMs: Math.max(minDurationMs, hourMs) }
  const periods = Math.max(1, Math.ceil(minDurationMs / periodMs))
  return { ...stage, minDurationMs: periods * periodMs, wholePeriodMs: periodMs }
}
