import { meanOf, requireFinite, varianceOf } from '../moments/sample-moments.ts'
import { studentTCdf } from '../special-functions/student-t.ts'
import { StatsError } from '../stats-error.ts'

/** Values (score differences d_i) with the unit each belongs to. */
export interface ClusteredValues {
  readonly values: readonly number[]
  readonly clusters: readonly (string | number)[]
}

/** Below this many units an asymptotic clustered error is not to be trusted for a gate. */
const gateUnitsMin = 20

function requireValues({ values, clusters }: ClusteredValues): void {
  requireFinite('values', values)
  if (values.length !== clusters.length)
    throw new StatsError(`${values.length} values for ${clusters.length} cluster labels`)
  if (values.length === 0) throw new StatsError('no value given')
}

/** Σ of the residuals value − centre per unit. */
function residualSums({ values, clusters }: ClusteredValues, centre: number): ReadonlyMap<string | number, number> {
  const sums = new Map<string | number, number>()
  for (const [index, value] of values.entries()) {
    const cluster = clusters[index] ?? ''
    sums.set(cluster, (sums.get(cluster) ?? 0) + value - centre)
  }
  return sums
}

/**
 * Mean with the standard error of independent values √(Σ(s−s̄)²/(n−1)/n) and the clustered one: CR0 = √(Σ_c(Σ_{i∈c}(s_i − s̄))²)/n (Miller 2024,
 * arXiv 2411.00640), CR1 = CR0·√(G/(G−1)), to be used with t of G − 1 degrees of freedom. `independent` is null for one value, CR1 for one unit.
 */
export function clusteredMean(input: ClusteredValues): {
  readonly mean: number
  readonly independent: number | null
  readonly cr0: number
  readonly cr1: number | null
  readonly units: number
} {
  requireValues(input)
  const n = input.values.length
  const mean = meanOf(input.values)
  const sums = residualSums(input, mean)
  let squares = 0
  for (const sum of sums.values()) squares += sum * sum
  const cr0 = Math.sqrt(squares) / n
  const units = sums.size
  return {
    mean,
    independent: n < 2 ? null : Math.sqrt(varianceOf(input.values) / n),
    cr0,
    cr1: units < 2 ? null : cr0 * Math.sqrt(units / (units - 1)),
    units,
  }
}

/**
 * Cluster-robust test of mean 0 for paired differences when units bring more than 1.2 pairs: Z = Σ_g S_g / √(Σ_g (S_g − d̄ m_g)²·G/(G−1)) with
 * t of G − 1 degrees of freedom; p one-sided for "candidate worse" (mean > 0) and two-sided. `gateable` is false below 20 units. One unit or no
 * spread at all: z null and p = 1.
 */
export function clusterRobustTest(input: ClusteredValues): {
  readonly mean: number
  readonly z: number | null
  readonly pWorse: number
  readonly p: number
  readonly units: number
  readonly gateable: boolean
} {
  const { mean, cr1, units } = clusteredMean(input)
  const gateable = units >= gateUnitsMin
  if (cr1 === null || cr1 === 0) return { mean, z: null, pWorse: 1, p: 1, units, gateable }
  const z = mean / cr1
  const tail = studentTCdf(-Math.abs(z), units - 1)
  return { mean, z, pWorse: studentTCdf(-z, units - 1), p: Math.min(1, 2 * tail), units, gateable }
}
