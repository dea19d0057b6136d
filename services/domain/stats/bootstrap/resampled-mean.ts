import { meanOf, requireFinite } from '../moments/sample-moments.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'
import { clusteredRate } from '../unpaired/clustered-ratio.ts'
import { resampleBlocks, resampleInBlocks } from './block-resample.ts'
import {
  acceleratedInterval,
  deviationOf,
  percentileInterval,
  quantileOf,
  resampledDistribution,
} from './bootstrap-distribution.ts'
import { jackknifeAcceleration } from './exhaustive-bootstrap.ts'
import { seededRandom } from './seeded-random.ts'

type Interval = readonly [number, number]

/** How many resamples, from which seed, for which two-sided level. */
export interface Resampling {
  readonly resamples: number
  readonly seed: string
  readonly alpha: number
}

const resamplesMax = 1_000_000
/** About half a minute. */
const drawsMax = 5e9

/** Refuses tails that fewer than ten resamples would make up, and more draws than anybody would wait for. */
export function requireResampling({ resamples, alpha }: Resampling, observations: number): void {
  requireCounts({ resamples })
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  requireWithin({ draws: resamples * observations }, 0, drawsMax)
  if (resamples > resamplesMax || resamples * alpha < 20)
    throw new StatsError(
      `${resamples} resamples cannot give the ${alpha / 2} quantile: between 20/α and ${resamplesMax} are needed`,
    )
}

/**
 * Bootstrap of a mean of paired differences (traces are resampled, never arms) with percentile, basic, BCa and bootstrap-t interval (Efron &
 * Tibshirani 1993; DiCiccio & Efron 1996). Use percentile for win/tie/loss and scores, BCa for skewed cost; fails below 40 units or 20 non-zero
 * differences, and is not valid under repeated looks. Repeated intervals at look k: α = 2Φ(−c_k). Same seed, same answer. No spread: all intervals
 * are the mean.
 */
export function resampledMean(
  values: readonly number[],
  resampling: Resampling,
): {
  readonly mean: number
  readonly error: number
  readonly percentile: Interval
  readonly basic: Interval
  readonly accelerated: Interval
  readonly studentised: Interval
} {
  requireFinite('values', values)
  requireResampling(resampling, values.length)
  const n = values.length
  if (n === 0) throw new StatsError('no value to resample')
  const { alpha, resamples } = resampling
  const random = seededRandom(resampling.seed)
  const mean = meanOf(values)
  const centred = Float64Array.from(values, (value) => value - mean)
  const blocks = resampleBlocks(centred)
  const shifts = new Float64Array(resamples)
  const ratios = new Float64Array(resamples)
  for (let resample = 0; resample < resamples; resample += 1) {
    const { sum, squares } = resampleInBlocks(random, blocks)
    const shift = sum / n
    const error = Math.sqrt(Math.max(0, squares / n - shift * shift) / n)
    shifts[resample] = shift
    ratios[resample] = error > 0 ? shift / error : shift === 0 ? 0 : Math.sign(shift) * Number.POSITIVE_INFINITY
  }
  const distribution = resampledDistribution(shifts)
  const [low, high] = percentileInterval(distribution, alpha)
  const ownError = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0)) / n
  const t = resampledDistribution(ratios)
  const scale = centred.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  const acceleration = jackknifeAcceleration(values)
  const accelerated = acceleratedInterval(distribution, { estimate: 0, acceleration, alpha, scale }).interval
  const studentised = (q: number) => (ownError > 0 ? mean - ownError * quantileOf(t, q) : mean)
  return {
    mean,
    error: deviationOf(distribution),
    percentile: [mean + low, mean + high],
    basic: [mean - high, mean - low],
    accelerated: [mean + accelerated[0], mean + accelerated[1]],
    studentised: [studentised(1 - alpha / 2), studentised(alpha / 2)],
  }
}

/**
 * Cluster bootstrap of ΣS/Σm: whole units (session, tenant) are resampled. Percentile and basic interval, bootstrap and linearised standard error.
 * Needs 40 units to be trusted; every unit must have a positive size.
 */
export function resampledClusterRatio(
  input: { readonly sums: readonly number[]; readonly sizes: readonly number[] },
  resampling: Resampling,
): {
  readonly estimate: number
  readonly error: number
  readonly percentile: Interval
  readonly basic: Interval
  readonly linearisedError: number | null
} {
  requireResampling(resampling, input.sums.length)
  for (const size of input.sizes) requireWithin({ 'cluster size': size }, Number.MIN_VALUE, 1e150)
  const { rate: estimate, error: linearisedError } = clusteredRate({ events: input.sums, requests: input.sizes })
  const units = input.sums.length
  const sums = Float64Array.from(input.sums)
  const sizes = Float64Array.from(input.sizes)
  const random = seededRandom(resampling.seed)
  const ratios = new Float64Array(resampling.resamples).map(() => {
    let sum = 0
    let size = 0
    for (let draw = 0; draw < units; draw += 1) {
      const unit = random.below(units)
      sum += sums[unit] ?? 0
      size += sizes[unit] ?? 0
    }
    return sum / size
  })
  const distribution = resampledDistribution(ratios)
  const [low, high] = percentileInterval(distribution, resampling.alpha)
  return {
    estimate,
    error: deviationOf(distribution),
    percentile: [low, high],
    basic: [2 * estimate - high, 2 * estimate - low],
    linearisedError,
  }
}
