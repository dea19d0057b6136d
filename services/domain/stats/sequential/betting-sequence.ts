import { requireWithin } from '../stats-error.ts'
import { hedgedBetting } from './hedged-betting.ts'
import { rootOf } from './monotone-root.ts'

/**
 * Confidence sequence for the mean of outcomes in [0, 1] by hedged betting: all m whose capital max(½K⁺(m), ½K⁻(m)) stays below 1/α (Waudby-Smith &
 * Ramdas 2024, JRSS-B 86:1, theorem 3). Each factor of K⁺ falls in m and each of K⁻ rises, truncation included, so the set is an interval and its ends
 * are found by bisection to the last digit. Valid at every n at once, without asymptotics; for few pairs and for auditors (costs about 60 passes over
 * the data an end). A difference d in [−1, 1] enters as (d + 1)/2. No outcome: [0, 1].
 * @param alpha two-sided, in [1e-15, 1)
 * @param truncation c of the bets' limits c/m and c/(1 − m), in (0, 1); ½ by default
 * @throws StatsError when an outcome lies outside [0, 1]
 */
export function bettingSequence(
  x: readonly number[],
  { alpha, truncation }: { readonly alpha: number; readonly truncation: number },
): readonly [number, number] {
  requireWithin({ alpha }, 1e-15, 1 - Number.EPSILON)
  requireWithin({ truncation }, Number.MIN_VALUE, 1 - 1e-9)
  const at = (mean: number) => hedgedBetting({ x, mean, alpha, theta: 0.5, truncation })
  const level = Math.log(2 / alpha)
  const inside = x.length === 0 ? 0.5 : x.reduce((sum, value) => sum + value, 0) / x.length
  const lower = rootOf((mean) => at(mean).logPositive, level, 0, inside)
  const upper = rootOf((mean) => at(mean).logNegative, level, 1, inside)
  return [lower, upper]
}
