import { clusteredMean } from '../clustered/clustered-error.ts'
import { varianceOf } from '../moments/sample-moments.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { StatsError } from '../stats-error.ts'

/**
 * Noise floor of a score: mean of |d_cb| − |d_b'b| per trace (candidate against baseline, beyond baseline against itself) with its standard error and
 * two-sided 1 − α normal interval, and the variances of both differences, which size later tests. Needs two traces, else the error is null.
 */
export function scoreNoise(input: {
  readonly candidateDifferences: readonly number[]
  readonly baselineDifferences: readonly number[]
  readonly alpha: number
}): {
  readonly excess: number
  readonly error: number | null
  readonly interval: readonly [number, number] | null
  readonly candidateVariance: number | null
  readonly baselineVariance: number | null
} {
  const { candidateDifferences, baselineDifferences, alpha } = input
  if (candidateDifferences.length !== baselineDifferences.length)
    throw new StatsError(
      `${candidateDifferences.length} candidate differences for ${baselineDifferences.length} baseline ones`,
    )
  const excesses = candidateDifferences.map(
    (value, index) => Math.abs(value) - Math.abs(baselineDifferences[index] ?? Number.NaN),
  )
  const { mean, independent } = clusteredMean({ values: excesses, clusters: excesses.map((_, index) => index) })
  const half = independent === null ? null : -normalQuantile(alpha / 2) * independent
  const variance = (values: readonly number[]) => (values.length < 2 ? null : varianceOf(values))
  return {
    excess: mean,
    error: independent,
    interval: half === null ? null : [mean - half, mean + half],
    candidateVariance: variance(candidateDifferences),
    baselineVariance: variance(baselineDifferences),
  }
}
