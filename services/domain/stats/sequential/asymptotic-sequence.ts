import { requireCounts, requireWithin } from '../stats-error.ts'

/** s > 0 with s − ln(1 + s) = c, that is −W₋₁(−e^{−1−c}) − 1 by Lambert's W; Newton from above on a convex function. 0 at c = 0. */
function excessOverLog(c: number): number {
  if (c <= 0) return 0
  let s = c + Math.sqrt(2 * c)
  for (let step = 0; step < 100; step += 1) {
    // Near 0 s − ln(1+s) ≈ s²/2 − s³/3 loses digits in the difference.
    const value = s < 1e-4 ? s * s * (0.5 - s * (1 / 3 - s / 4)) : s - Math.log1p(s)
    const next = s - ((value - c) * (1 + s)) / s
    if (!(next < s) || !(next > 0)) return s
    s = next
  }
  return s
}

/**
 * Asymptotic confidence sequence for a mean from n units with mean μ̂ and deviation σ̂ (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, Ann.
 * Stat.; arXiv 2103.06476), for display of scores, cost and cluster totals. Two-sided margin σ̂ √(2(nρ²+1)/(n²ρ²)·ln(√(nρ²+1)/α)), ρ² = (−W₋₁(−α²/e)
 * − 1)/t_opt. One-sided: ln(1 + √(nρ²+1)/(2α)) instead and ρ² tuned at 2α; `lower` = the value that the mean exceeds (α < ½ there, else null). n = 0:
 * margins +∞. Use from 40 units with 20 non-zero differences on.
 */
export function asymptoticSequence(input: {
  readonly n: number
  readonly mean: number
  readonly deviation: number
  readonly alpha: number
  readonly tunedFor: number
}): {
  readonly rhoSquared: number
  readonly margin: number
  readonly interval: readonly [number, number]
  readonly oneSided: { readonly rhoSquared: number; readonly margin: number; readonly lower: number } | null
} {
  const { n, mean, deviation, alpha, tunedFor } = input
  requireCounts({ n })
  requireWithin({ mean }, -1e150, 1e150)
  requireWithin({ deviation }, 0, 1e150)
  requireWithin({ alpha }, Number.MIN_VALUE, 1 - Number.EPSILON)
  requireWithin({ tunedFor }, 1e-9, 1e15)
  const marginOf = (rhoSquared: number, log: (root: number) => number) => {
    if (n === 0) return Number.POSITIVE_INFINITY
    const grown = n * rhoSquared + 1
    return deviation * Math.sqrt(((2 * grown) / (n * n * rhoSquared)) * log(Math.sqrt(grown)))
  }
  const rhoSquared = excessOverLog(-2 * Math.log(alpha)) / tunedFor
  const margin = marginOf(rhoSquared, (root) => Math.log(root / alpha))
  const two = { rhoSquared, margin, interval: [mean - margin, mean + margin] as const }
  if (alpha >= 0.5) return { ...two, oneSided: null }
  const oneRhoSquared = excessOverLog(-2 * Math.log(2 * alpha)) / tunedFor
  const oneMargin = marginOf(oneRhoSquared, (root) => Math.log1p(root / (2 * alpha)))
  return { ...two, oneSided: { rhoSquared: oneRhoSquared, margin: oneMargin, lower: mean - oneMargin } }
}
