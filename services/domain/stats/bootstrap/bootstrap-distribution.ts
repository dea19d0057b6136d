import { normalCdf, normalQuantile } from '../special-functions/normal.ts'
import { StatsError } from '../stats-error.ts'

/** Values of a resampled statistic in ascending order with the cumulative probability of each; the last is 1 within rounding. */
export interface BootstrapDistribution {
  readonly values: Float64Array
  readonly cumulative: Float64Array
}

/** A probability that equals a step of the cumulative one in exact arithmetic must not skip it because of rounding. */
const hair = 1e-12

/** Sorts weighted values (weights need not add up to 1). */
export function weightedDistribution(values: Float64Array, weights: Float64Array): BootstrapDistribution {
  const order = new Uint32Array(values.length).map((_, index) => index)
  order.sort((i, j) => (values[i] ?? 0) - (values[j] ?? 0))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const sorted = new Float64Array(values.length)
  const cumulative = new Float64Array(values.length)
  let sum = 0
  for (const [rank, index] of order.entries()) {
    sum += (weights[index] ?? 0) / total
    sorted[rank] = values[index] ?? 0
    cumulative[rank] = sum
  }
  return { values: sorted, cumulative }
}

/** Sorts equally likely values. */
export function resampledDistribution(values: Float64Array): BootstrapDistribution {
  const sorted = values.slice().sort()
  return { values: sorted, cumulative: sorted.map((_, index) => (index + 1) / sorted.length) }
}

/** Inverse distribution function: the smallest value whose cumulative probability is at least q. */
export function quantileOf({ values, cumulative }: BootstrapDistribution, q: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((cumulative[middle] ?? 1) >= q - hair) high = middle
    else low = middle + 1
  }
  return values[low] ?? Number.NaN
}

/** Both α/2 quantiles. */
export function percentileInterval(distribution: BootstrapDistribution, alpha: number): readonly [number, number] {
  return [quantileOf(distribution, alpha / 2), quantileOf(distribution, 1 - alpha / 2)]
}

/** Standard deviation of the distribution around its own mean. */
export function deviationOf({ values, cumulative }: BootstrapDistribution): number {
  const mass = (index: number) => (cumulative[index] ?? 0) - (index === 0 ? 0 : (cumulative[index - 1] ?? 0))
  let mean = 0
  for (const [index, value] of values.entries()) mean += mass(index) * value
  let variance = 0
  for (const [index, value] of values.entries()) variance += mass(index) * (value - mean) ** 2
  return Math.sqrt(variance)
}

/** Probability of the leading values for which a predicate holds. */
function probabilityWhere({ values, cumulative }: BootstrapDistribution, holds: (value: number) => boolean): number {
  let sum = 0
  for (const [index, value] of values.entries()) {
    if (!holds(value)) break
    sum = cumulative[index] ?? sum
  }
  return sum
}

/**
 * Bias-corrected and accelerated interval (Efron & Tibshirani 1993, ch. 14): z₀ = Φ⁻¹(P(θ* < θ̂) + ½ P(θ* = θ̂)), α_j = Φ(z₀ + (z₀ + z_j)/(1 − a(z₀ +
 * z_j))).
 * @param scale size of the data: values of θ* within 1e-12 of it count as equal to θ̂
 */
export function acceleratedInterval(
  distribution: BootstrapDistribution,
  input: { readonly estimate: number; readonly acceleration: number; readonly alpha: number; readonly scale: number },
): {
  readonly bias: number
  readonly alphaLow: number
  readonly alphaHigh: number
  readonly interval: readonly [number, number]
} {
  const equal = input.scale * 1e-12
  const below = probabilityWhere(distribution, (value) => value < input.estimate - equal)
  const upTo = probabilityWhere(distribution, (value) => value <= input.estimate + equal)
  const bias = normalQuantile(Math.min(1, (below + upTo) / 2))
  if (!Number.isFinite(bias)) throw new StatsError('no resample reaches the estimate: its bias cannot be corrected')
  const adjusted = (q: number) => {
    const shifted = bias + normalQuantile(q)
    const slowed = 1 - input.acceleration * shifted
    // Beyond the pole of the acceleration the quantile is the end of the distribution.
    if (slowed <= 0) return shifted > 0 ? 1 : 0
    return normalCdf(bias + shifted / slowed)
  }
  const alphaLow = adjusted(input.alpha / 2)
  const alphaHigh = adjusted(1 - input.alpha / 2)
  return {
    bias,
    alphaLow,
    alphaHigh,
    interval: [quantileOf(distribution, alphaLow), quantileOf(distribution, alphaHigh)],
  }
}
