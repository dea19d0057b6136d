import { requireWithin } from '../stats-error.ts'

/**
 * e-BH (Wang & Ramdas 2022, JRSS-B 84:822): rejects the k largest e-values, k the largest with e_(k) ≥ m/(αk); false discovery rate ≤ α under any
 * dependence and any stopping. Returns their indices from 0, ascending. e may be +∞.
 */
export function eBenjaminiHochberg(e: readonly number[], alpha: number): readonly number[] {
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  for (const value of e) requireWithin({ e: value }, 0, Number.POSITIVE_INFINITY)
  const order = e.map((_, index) => index).sort((a, b) => (e[a] === e[b] ? a - b : (e[b] ?? 0) - (e[a] ?? 0)))
  let rejected = 0
  // A hair of tolerance: e = m/(αk) reached in exact arithmetic must not be lost to rounding.
  for (const [rank, index] of order.entries())
    if ((e[index] ?? 0) * alpha * (rank + 1) >= e.length * (1 - 1e-12)) rejected = rank + 1
  return order.slice(0, rejected).sort((a, b) => a - b)
}
