import { meanOf, requireFinite } from '../moments/sample-moments.ts'
import { logGamma } from '../special-functions/gamma.ts'
import { requireWithin, StatsError } from '../stats-error.ts'
import { clusteredRate } from '../unpaired/clustered-ratio.ts'
import {
  acceleratedInterval,
  type BootstrapDistribution,
  deviationOf,
  percentileInterval,
  weightedDistribution,
} from './bootstrap-distribution.ts'

const resamplesMax = 3_000_000

/** One distinct observation with its number of occurrences. */
interface Atom {
  readonly value: number
  readonly size: number
  readonly occurs: number
}

function atomsOf(values: readonly number[], sizes: readonly number[]): readonly Atom[] {
  const atoms = new Map<string, Atom>()
  for (const [index, value] of values.entries()) {
    const size = sizes[index] ?? 1
    const key = `${value}/${size}`
    atoms.set(key, { value, size, occurs: (atoms.get(key)?.occurs ?? 0) + 1 })
  }
  return [...atoms.values()]
}

/**
 * Exact distribution of the ratio Σvalue / Σsize over all nⁿ resamples of n observations: every way to draw c_j copies of distinct observation j,
 * with its multinomial probability. Refuses more than three million ways (13 distinct values).
 */
function exactDistribution(values: readonly number[], sizes: readonly number[]): BootstrapDistribution {
  const n = values.length
  const atoms = atomsOf(values, sizes)
  const ways = Math.round(Math.exp(logGamma(n + atoms.length) - logGamma(n + 1) - logGamma(atoms.length)))
  if (ways > resamplesMax)
    throw new StatsError(`${ways} different resamples are too many to enumerate: at most ${resamplesMax}`)
  const results = new Float64Array(ways)
  const weights = new Float64Array(ways)
  let filled = 0
  const draw = (index: number, left: number, logWeight: number, sum: number, size: number): void => {
    const atom = atoms[index]
    if (atom === undefined) return
    const logShare = Math.log(atom.occurs / n)
    if (index === atoms.length - 1) {
      results[filled] = (sum + left * atom.value) / (size + left * atom.size)
      weights[filled] = Math.exp(logWeight + left * logShare - logGamma(left + 1))
      filled += 1
      return
    }
    for (let copies = 0; copies <= left; copies += 1)
      draw(
        index + 1,
        left - copies,
        logWeight + copies * logShare - logGamma(copies + 1),
        sum + copies * atom.value,
        size + copies * atom.size,
      )
  }
  draw(0, n, logGamma(n + 1), 0, 0)
  return weightedDistribution(results, weights)
}

/**
 * Bootstrap of a mean by complete enumeration of all nⁿ resamples: standard error, percentile and BCa interval with their parts (Efron & Tibshirani
 * 1993), quantiles by the inverse distribution function, jackknife acceleration. Free of Monte-Carlo error: what resampling is tested against. Equal
 * values: all intervals a point, z₀ = a = 0.
 */
export function exhaustiveMean(
  values: readonly number[],
  alpha: number,
): {
  readonly mean: number
  readonly error: number
  readonly percentile: readonly [number, number]
  readonly acceleration: number
  readonly accelerated: ReturnType<typeof acceleratedInterval>
} {
  requireFinite('values', values)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  if (values.length === 0) throw new StatsError('no value to resample')
  const mean = meanOf(values)
  const distribution = exactDistribution(
    values,
    values.map(() => 1),
  )
  const acceleration = jackknifeAcceleration(values)
  const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  return {
    mean,
    error: deviationOf(distribution),
    percentile: percentileInterval(distribution, alpha),
    acceleration,
    accelerated: acceleratedInterval(distribution, { estimate: mean, acceleration, alpha, scale }),
  }
}

/** Σ(d − d̄)³/(6(Σ(d − d̄)²)^{3/2}): the jackknife's acceleration for a mean; 0 without spread. */
export function jackknifeAcceleration(values: readonly number[]): number {
  const mean = meanOf(values)
  let squares = 0
  let cubes = 0
  for (const value of values) {
    squares += (value - mean) ** 2
    cubes += (value - mean) ** 3
  }
  return squares > 0 ? cubes / (6 * squares ** 1.5) : 0
}

/**
 * Bootstrap of a ratio ΣS/Σm over units by complete enumeration of all Gᴳ samples of units, with the linearised (CR1) error of the ratio beside it,
 * null for one unit. Every unit must have a positive size.
 */
export function exhaustiveClusterRatio(input: {
  readonly sums: readonly number[]
  readonly sizes: readonly number[]
  readonly alpha: number
}): {
  readonly estimate: number
  readonly error: number
  readonly percentile: readonly [number, number]
  readonly linearisedError: number | null
} {
  requireWithin({ alpha: input.alpha }, Number.MIN_VALUE, 1)
  for (const size of input.sizes) requireWithin({ 'cluster size': size }, Number.MIN_VALUE, 1e150)
  const { rate, error: linearisedError } = clusteredRate({ events: input.sums, requests: input.sizes })
  const distribution = exactDistribution(input.sums, input.sizes)
  return {
    estimate: rate,
    error: deviationOf(distribution),
    percentile: percentileInterval(distribution, input.alpha),
    linearisedError,
  }
}
