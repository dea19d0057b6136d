import { requireWithin } from '../stats-error.ts'

function ascending(values: readonly number[]): readonly number[] {
  return values.map((_, index) => index).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0))
}

/**
 * Holm's step-down adjusted p-values (Holm 1979, Scand. J. Stat. 6:65), in the order given: reject those ≤ α for family-wise error α under any
 * dependence. Empty list: empty.
 */
export function holmAdjusted(p: readonly number[]): readonly number[] {
  for (const value of p) requireWithin({ p: value }, 0, 1)
  const adjusted = [...p]
  let largest = 0
  for (const [rank, index] of ascending(p).entries()) {
    largest = Math.max(largest, Math.min(1, (p.length - rank) * (p[index] ?? 1)))
    adjusted[index] = largest
  }
  return adjusted
}

/**
 * Benjamini & Hochberg's step-up adjusted p-values (1995, JRSS-B 57:289), in the order given: reject those ≤ q for false discovery rate q under
 * independence or positive dependence.
 */
export function benjaminiHochbergAdjusted(p: readonly number[]): readonly number[] {
  for (const value of p) requireWithin({ p: value }, 0, 1)
  const adjusted = [...p]
  const order = ascending(p)
  let smallest = 1
  for (let rank = p.length; rank >= 1; rank -= 1) {
    const index = order[rank - 1] ?? 0
    smallest = Math.min(smallest, (p[index] ?? 1) * (p.length / rank))
    adjusted[index] = smallest
  }
  return adjusted
}
