import { studentTQuantile, studentTTwoSided } from '../special-functions/student-t.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/** Mean, standard deviation (n − 1) and number of units of one arm. */
export interface ArmSummary {
  readonly mean: number
  readonly deviation: number
  readonly n: number
}

/**
 * Relative lift (m₁ − m₀)/m₀ by the delta method, with Welch's degrees of freedom and t (Deng, Knoblich & Lu 2018): variance
 * s₁²/(n₁m₀²) + m₁²s₀²/(n₀m₀⁴). Refuses a baseline mean of 0 and arms of fewer than two units. Without any spread the error is 0, the interval a point
 * and p is 1 at no lift, else 0; `df` is then null.
 */
export function relativeLift(input: {
  readonly candidate: ArmSummary
  readonly baseline: ArmSummary
  readonly alpha: number
}): {
  readonly lift: number
  readonly error: number
  readonly df: number | null
  readonly interval: readonly [number, number]
  readonly p: number
} {
  const { candidate, baseline, alpha } = input
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  for (const [name, arm] of Object.entries({ candidate, baseline })) {
    requireCounts({ [`${name} n`]: arm.n })
    requireWithin({ [`${name} mean`]: arm.mean }, -1e150, 1e150)
    requireWithin({ [`${name} deviation`]: arm.deviation }, 0, 1e150)
    if (arm.n < 2) throw new StatsError(`${name} needs at least two units, got ${arm.n}`)
  }
  if (baseline.mean === 0) throw new StatsError('the lift over a baseline mean of 0 is not defined')
  const v1 = candidate.deviation ** 2 / candidate.n
  const v0 = baseline.deviation ** 2 / baseline.n
  const lift = (candidate.mean - baseline.mean) / baseline.mean
  const error = Math.sqrt(v1 + (candidate.mean / baseline.mean) ** 2 * v0) / Math.abs(baseline.mean)
  if (error === 0) return { lift, error, df: null, interval: [lift, lift], p: lift === 0 ? 1 : 0 }
  if (!Number.isFinite(error))
    throw new StatsError(`a baseline mean of ${baseline.mean} is too near 0 for a lift over it`)
  // Welch's (v₁ + v₀)²/(v₁²/(n₁ − 1) + v₀²/(n₀ − 1)) from shares, whose squares cannot overflow.
  const share = v1 / (v1 + v0)
  const df = 1 / (share ** 2 / (candidate.n - 1) + (1 - share) ** 2 / (baseline.n - 1))
  const half = -studentTQuantile(alpha / 2, df) * error
  return { lift, error, df, interval: [lift - half, lift + half], p: studentTTwoSided(lift / error, df) }
}
