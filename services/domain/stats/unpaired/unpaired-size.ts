import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/**
 * Units in all (not rounded) for a one-sided test of two rates when the candidate gets share q: (z_{1−α} + z_{1−β})²(p₁(1−p₁)/q +
 * p₀(1−p₀)/(1−q))/(p₁−p₀)², normal approximation with unpooled variance. Throws StatsError when both rates are equal.
 */
export function unpairedSize(input: {
  readonly candidateRate: number
  readonly baselineRate: number
  readonly candidateShare: number
  readonly alpha: number
  readonly power: number
}): { readonly total: number; readonly candidate: number } {
  const { candidateRate, baselineRate, candidateShare, alpha, power } = input
  requireWithin({ candidateRate, baselineRate }, 0, 1)
  requireWithin({ candidateShare }, Number.MIN_VALUE, 1 - Number.EPSILON / 2)
  requireWithin({ alpha }, Number.MIN_VALUE, 0.5)
  requireWithin({ power }, alpha, 1 - 1e-12)
  if (candidateRate === baselineRate)
    throw new StatsError('no number of units detects a difference of 0: the two rates must differ')
  const z = (normalQuantile(power) - normalQuantile(alpha)) / (candidateRate - baselineRate)
  const variance =
    (candidateRate * (1 - candidateRate)) / candidateShare + (baselineRate * (1 - baselineRate)) / (1 - candidateShare)
  const total = z * z * variance
  return { total, candidate: candidateShare * total }
}
