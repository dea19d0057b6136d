import { meanOf, requireFinite, sumOfProducts } from '../moments/sample-moments.ts'
import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/** One estimate with the weight λ that it gives to the judge. */
export interface PoweredMean {
  readonly lambda: number
  readonly mean: number
  readonly error: number
  readonly interval: Interval
}

/**
 * Prediction-powered mean of human scores h (a random subset) helped by a judge's scores ĵ on all traces (Angelopoulos et al. 2023, Science 382:669
 * and arXiv 2311.01453): θ̂_λ = λ·mean(ĵ unlabelled) + mean(h − λĵ), se² = λ²Var(ĵ unlabelled)/N + Var(h − λĵ)/n. λ = 1 is PPI, λ̂ = Cov(h, ĵ)/((1 +
 * n/N) Var(ĵ)) clipped to [0, 1] is PPI++, λ = 0 leaves the judge out. Variances divide by n, the one of λ̂ over all judged values by n − 1. A judge
 * that never varies gets λ̂ = 0. Needs at least one labelled and one unlabelled trace.
 */
export function predictionPoweredMean(input: {
  readonly human: readonly number[]
  readonly judgeLabelled: readonly number[]
  readonly judgeUnlabelled: readonly number[]
  readonly alpha: number
}): { readonly ppi: PoweredMean; readonly tuned: PoweredMean; readonly classical: PoweredMean } {
  const { human, judgeLabelled, judgeUnlabelled, alpha } = input
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  for (const [name, values] of Object.entries({ human, judgeLabelled, judgeUnlabelled })) {
    requireFinite(name, values)
    if (values.length === 0) throw new StatsError(`${name} is empty`)
  }
  if (human.length !== judgeLabelled.length)
    throw new StatsError(`${human.length} human scores for ${judgeLabelled.length} scores of the judge`)
  const n = human.length
  const total = judgeUnlabelled.length
  const judged = [...judgeLabelled, ...judgeUnlabelled]
  const variance = sumOfProducts(judged, judged) / (judged.length - 1)
  const covariance = sumOfProducts(human, judgeLabelled) / n
  const lambda = variance > 0 ? Math.min(1, Math.max(0, covariance / ((1 + n / total) * variance))) : 0
  const z = -normalQuantile(alpha / 2)
  const at = (weight: number): PoweredMean => {
    const rest = human.map((value, index) => value - weight * (judgeLabelled[index] ?? Number.NaN))
    const mean = weight * meanOf(judgeUnlabelled) + meanOf(rest)
    const unlabelled = sumOfProducts(judgeUnlabelled, judgeUnlabelled) / total / total
    const error = Math.sqrt(weight * weight * unlabelled + sumOfProducts(rest, rest) / n / n)
    return { lambda: weight, mean, error, interval: [mean - z * error, mean + z * error] }
  }
  return { ppi: at(1), tuned: at(lambda), classical: at(0) }
}
