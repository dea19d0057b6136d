import { meanOf, requireFinite, varianceOf } from '../moments/sample-moments.ts'
import { studentTCdf } from '../special-functions/student-t.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/** Values (score differences d_i) with the unit each belongs to. */
export interface ClusteredValues {
  readonly values: readonly number[]
  readonly clusters: readonly (string | number)[]
}

/** Below this many units an asymptotic clustered error is not to be trusted for a gate. */
const gateUnitsMin = 20

/** Throws StatsError unless there is at least one value, all are finite and each has a label. */
export function requireValues({ values, clusters }: ClusteredValues): void {
  requireFinite('values', values)
  if (values.length !== clusters.length)
    throw new StatsError(`${values.length} values for ${clusters.length} cluster labels`)
  if (values.length === 0) throw new StatsError('no value given')
}

/** Per unit: Σ of the residuals value − centre, and how many values. */
export function unitSums(
  { values, clusters }: ClusteredValues,
  centre: number,
): ReadonlyMap<string | number, { readonly sum: number; readonly size: number }> {
  const units = new Map<string | number, { sum: number; size: number }>()
  for (const [index, value] of values.entries()) {
    const label = clusters[index] ?? ''
    const unit = units.get(label) ?? { sum: 0, size: 0 }
    unit.sum += value - centre
    unit.size += 1
    units.set(label, unit)
  }
  return units
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
  const sums = unitSums(input, mean)
  let squares = 0
  for (const { sum } of sums.values()) squares += sum * sum
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

/**
 * Non-inferiority of a mean paired difference at a planned look, clustered: H0 mean ≥ M against "acceptable", z = (d̄ − M)/CR1, p = P(t_{G−1} ≤ z). Positive
 * differences are harm, M > 0 is in units of the score; with z against −c_k it is the test of look k. `gateable` is false below 20 units. One unit or no
 * spread at all: z null and p = 1, never a pass.
 */
export function clusterRobustNonInferiority(
  input: ClusteredValues,
  margin: number,
): {
  readonly mean: number
  readonly z: number | null
  readonly p: number
  readonly units: number
  readonly gateable: boolean
} {
  requireWithin({ margin }, -1e150, 1e150)
  const { mean, cr1, units } = clusteredMean(input)
  const gateable = units >= gateUnitsMin
  if (cr1 === null || cr1 === 0) return { mean, z: null, p: 1, units, gateable }
  const z = (mean - margin) / cr1
  return { mean, z, p: studentTCdf(z, units - 1), units, gateable }
}
