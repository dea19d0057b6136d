import { requireFinite } from '../moments/sample-moments.ts'
import { requireWithin, StatsError } from '../stats-error.ts'
import { deviationOf, percentileInterval, resampledDistribution } from './bootstrap-distribution.ts'
import { randomBinomial } from './random-binomial.ts'
import { type Resampling, requireResampling } from './resampled-mean.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'

/** A drawer of the bootstrapped q-quantile: the value at index Bin(n + 1, q) of the sorted sample, equivalent to a Poisson bootstrap. */
function quantileDrawer(values: readonly number[], quantile: number) {
  const sorted = Float64Array.from(values).sort()
  const n = sorted.length
  const at = (rank: number) => sorted[Math.min(n, Math.max(1, rank)) - 1] ?? Number.NaN
  return {
    estimate: at(Math.ceil(n * quantile)),
    draw: (random: SeededRandom) => at(randomBinomial(random, n + 1, quantile)),
  }
}

/**
 * Difference of one quantile between two arms (candidate − baseline, live arms only) by the binomial-index bootstrap: indices Bin(n + 1, q) of both
 * sorted samples (Schultzberg & Ankargren 2022, arXiv 2202.10992). Not to be trusted where n(1 − q) < 10: `extreme` says so. An empty arm is refused.
 */
export function quantileDifference(
  input: { readonly candidate: readonly number[]; readonly baseline: readonly number[]; readonly quantile: number },
  resampling: Resampling,
): {
  readonly candidate: number
  readonly baseline: number
  readonly difference: number
  readonly error: number
  readonly percentile: readonly [number, number]
  readonly extreme: boolean
} {
  requireResampling(resampling, 1)
  requireWithin({ quantile: input.quantile }, 1e-12, 1 - 1e-12)
  requireFinite('candidate', input.candidate)
  requireFinite('baseline', input.baseline)
  const smaller = Math.min(input.candidate.length, input.baseline.length)
  if (smaller === 0) throw new StatsError('an arm without any value has no quantile')
  const candidate = quantileDrawer(input.candidate, input.quantile)
  const baseline = quantileDrawer(input.baseline, input.quantile)
  const random = seededRandom(resampling.seed)
  const distribution = resampledDistribution(
    new Float64Array(resampling.resamples).map(() => candidate.draw(random) - baseline.draw(random)),
  )
  return {
    candidate: candidate.estimate,
    baseline: baseline.estimate,
    difference: candidate.estimate - baseline.estimate,
    error: deviationOf(distribution),
    percentile: percentileInterval(distribution, resampling.alpha),
    extreme: smaller * Math.min(input.quantile, 1 - input.quantile) < 10,
  }
}
