import { meanOf } from '../moments/sample-moments.ts'
import { studentTQuantile, studentTTwoSided } from '../special-functions/student-t.ts'
import { requireWithin, StatsError } from '../stats-error.ts'
import { type ClusteredValues, clusteredMean } from './clustered-error.ts'

/**
 * Mean with the bias-reduced clustered error CR2 and Satterthwaite degrees of freedom (Bell & McCaffrey 2002, Surv. Methodol. 28:169), for fewer than
 * 40 units or where one unit brings more than a tenth of the values. For a mean both have closed forms, with p_g = m_g/n: CR2² = Σ S_g²/(1 − p_g)/n²,
 * df = n²/(Σ m_g² + Σ_{g≠h} (m_g m_h/n)²/((1 − p_g)(1 − p_h))). Interval and two-sided p for mean 0 by t. Refuses a single unit; no spread says
 * nothing: p = 1, no interval.
 */
export function smallSampleMean(
  input: ClusteredValues,
  alpha: number,
): {
  readonly mean: number
  readonly cr2: number
  readonly df: number
  readonly interval: readonly [number, number] | null
  readonly p: number
  readonly units: number
} {
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const { units } = clusteredMean(input)
  if (units < 2) throw new StatsError('a single unit has no clustered error')
  const n = input.values.length
  const mean = meanOf(input.values)
  const clusters = new Map<string | number, { size: number; residual: number }>()
  for (const [index, value] of input.values.entries()) {
    const label = input.clusters[index] ?? ''
    const cluster = clusters.get(label) ?? { size: 0, residual: 0 }
    cluster.size += 1
    cluster.residual += value - mean
    clusters.set(label, cluster)
  }
  let squares = 0
  let sizes = 0
  let leverages = 0
  let ownLeverages = 0
  for (const { size, residual } of clusters.values()) {
    const kept = 1 - size / n
    squares += (residual * residual) / kept
    sizes += size * size
    const leverage = (size * size) / kept
    leverages += leverage
    ownLeverages += leverage * leverage
  }
  const cr2 = Math.sqrt(squares) / n
  const df = (n * n) / (sizes + (leverages * leverages - ownLeverages) / (n * n))
  if (cr2 === 0) return { mean, cr2, df, interval: null, p: 1, units }
  const half = -studentTQuantile(alpha / 2, df) * cr2
  return { mean, cr2, df, interval: [mean - half, mean + half], p: studentTTwoSided(mean / cr2, df), units }
}
