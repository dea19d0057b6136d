import { requireWithin, StatsError } from '../stats-error.ts'
import { logRegularizedBeta } from './beta.ts'
import { betaPoint, logRegularizedBetaAt } from './beta-quantile.ts'

/** ln P(T ≤ −|t|) of Student's t with `df` > 0 degrees of freedom (need not be whole): ln of ½ I_x(df/2, ½), x = df/(df + t²) (NIST DLMF 8.17.5). */
function logLowerTail(t: number, df: number): number {
  requireWithin({ df }, Number.MIN_VALUE, 1e11)
  if (Number.isNaN(t)) throw new StatsError('Student’s t of NaN')
  const size = Math.abs(t)
  if (size === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY
  const square = size * size
  if (square > 1e290 * df) return logRegularizedBetaAt(Math.log(df) - 2 * Math.log(size), df / 2, 0.5) - Math.LN2
  return logRegularizedBeta(df / (df + square), square / (df + square), df / 2, 0.5) - Math.LN2
}

/** P(T ≤ t) of Student's t; the small tail keeps its digits. */
export function studentTCdf(t: number, df: number): number {
  const tail = Math.exp(logLowerTail(t, df))
  return t <= 0 ? tail : 1 - tail
}

/** P(|T| ≥ |t|), the two-sided p-value. */
export function studentTTwoSided(t: number, df: number): number {
  return Math.exp(logLowerTail(t, df) + Math.LN2)
}

/** The t with P(T ≤ t) = p. −∞ at 0, +∞ at 1, 0 at ½. */
export function studentTQuantile(p: number, df: number): number {
  requireWithin({ p }, 0, 1)
  requireWithin({ df }, Number.MIN_VALUE, 1e11)
  if (p === 0.5) return 0
  const tail = Math.min(p, 1 - p)
  const { logit } = betaPoint({ lower: 2 * tail, upper: 1 - 2 * tail, a: df / 2, b: 0.5 })
  const size = Math.sqrt(df) * Math.exp(-logit / 2)
  return p < 0.5 ? -size : size
}
