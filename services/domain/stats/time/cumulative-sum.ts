import { requireFinite } from '../moments/sample-moments.ts'
import { requireWithin } from '../stats-error.ts'

/**
 * Upper CUSUM of hourly values (net discordance, n₀₁ − n₁₀ per hour) for a drift to the worse: S_t = max(0, S_{t−1} + (x_t − target)/σ − k), alarm when
 * S ≥ h (Page 1954, Biometrika 41:100). k = half the shift to find, in σ. For display and review: its false alarms are not part of the error budget.
 * Returns the largest S, the last S and the first alarm's index from 0, or null.
 */
export function cumulativeSum(input: {
  readonly values: readonly number[]
  readonly target: number
  readonly deviation: number
  readonly allowance: number
  readonly threshold: number
}): { readonly last: number; readonly largest: number; readonly alarmAt: number | null } {
  const { values, target, deviation, allowance, threshold } = input
  requireFinite('values', values)
  requireWithin({ target }, -1e150, 1e150)
  requireWithin({ deviation, threshold }, Number.MIN_VALUE, 1e150)
  requireWithin({ allowance }, 0, 1e150)
  let last = 0
  let largest = 0
  let alarmAt: number | null = null
  for (const [index, value] of values.entries()) {
    last = Math.max(0, last + (value - target) / deviation - allowance)
    largest = Math.max(largest, last)
    if (alarmAt === null && last >= threshold) alarmAt = index
  }
  return { last, largest, alarmAt }
}
