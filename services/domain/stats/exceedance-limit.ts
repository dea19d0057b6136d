import { binomialSfGe } from './special-functions/binomial.ts'
import { requireCounts, requireWithin } from './stats-error.ts'

/**
 * Smallest number k of n requests over the latency budget that a window breaches with: P(Bin(n, b) ≥ k) ≤ α, b the fraction that may exceed (.01 for
 * a p99), with the exact tails at k and k − 1. Without requests k = 1, which cannot happen.
 */
export function exceedanceLimit(input: { readonly n: number; readonly fraction: number; readonly alpha: number }): {
  readonly k: number
  readonly tail: number
  readonly tailBefore: number
} {
  const { n, fraction, alpha } = input
  requireCounts({ n })
  requireWithin({ fraction }, 0, 1)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  let low = 0
  let high = n + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (binomialSfGe(middle, n, fraction) <= alpha) high = middle
    else low = middle + 1
  }
  return { k: low, tail: binomialSfGe(low, n, fraction), tailBefore: binomialSfGe(low - 1, n, fraction) }
}
