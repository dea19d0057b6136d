import { binomialCdf, binomialSfGe } from '../special-functions/binomial.ts'
import { requireCounts, requireWithin } from '../stats-error.ts'

/** Tail probabilities that equal α/2 in exact arithmetic must pass in spite of rounding. */
const hair = 1 + 1e-12

/**
 * Distribution-free interval for a quantile by ranks from 1 (David & Nagaraja): l = largest with P(Bin(n, q) ≤ l − 1) ≤ α/2, 0 meaning −∞; u =
 * smallest with P(Bin(n, q) ≤ u − 1) ≥ 1 − α/2, n + 1 meaning +∞; interval [X_(l), X_(u)], exact coverage P(l ≤ Bin ≤ u − 1). The default for p50,
 * p95, p99.
 */
export function quantileRanks(input: { readonly n: number; readonly quantile: number; readonly alpha: number }): {
  readonly lower: number
  readonly upper: number
  readonly coverage: number
} {
  const { n, quantile, alpha } = input
  requireCounts({ n })
  requireWithin({ quantile }, 0, 1)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const limit = (alpha / 2) * hair
  const below = (l: number) => binomialCdf(l - 1, n, quantile)
  const above = (u: number) => binomialSfGe(u, n, quantile)
  const lower = firstWhere((l) => below(l + 1) > limit, 0, n)
  const upper = firstWhere((u) => above(u) <= limit, 1, n + 1)
  return { lower, upper, coverage: Math.max(0, 1 - below(lower) - above(upper)) }
}

/** Smallest whole number in [low, high] for which a predicate that turns true once is true; `high` when it never is. */
function firstWhere(isTrue: (value: number) => boolean, low: number, high: number): number {
  let from = low
  let to = high
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    if (isTrue(middle)) to = middle
    else from = middle + 1
  }
  return from
}
