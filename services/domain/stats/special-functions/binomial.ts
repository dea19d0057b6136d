import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'
import { logBetaFront, logRegularizedBeta } from './beta.ts'

function requireTrials(k: number, n: number, p: number): void {
  requireCounts({ n })
  requireWithin({ p }, 0, 1)
  if (!Number.isSafeInteger(k)) throw new StatsError(`k must be a whole number, got ${k}`)
}

/** ln P(X ≥ k) for X ~ Bin(n, p): 0 for k ≤ 0, −∞ for k > n. I_p(k, n − k + 1), NIST DLMF 8.17.5. */
export function logBinomialSfGe(k: number, n: number, p: number): number {
  requireTrials(k, n, p)
  if (k <= 0) return 0
  if (k > n) return Number.NEGATIVE_INFINITY
  return logRegularizedBeta(p, 1 - p, k, n - k + 1)
}

/** ln P(X ≤ k) for X ~ Bin(n, p): −∞ for k < 0, 0 for k ≥ n. */
export function logBinomialCdf(k: number, n: number, p: number): number {
  requireTrials(k, n, p)
  if (k < 0) return Number.NEGATIVE_INFINITY
  if (k >= n) return 0
  return logRegularizedBeta(1 - p, p, n - k, k + 1)
}

/** P(X ≥ k) for X ~ Bin(n, p), directly: relative accuracy holds in the far tail. */
export function binomialSfGe(k: number, n: number, p: number): number {
  return Math.exp(logBinomialSfGe(k, n, p))
}

/** P(X ≤ k) for X ~ Bin(n, p), directly. */
export function binomialCdf(k: number, n: number, p: number): number {
  return Math.exp(logBinomialCdf(k, n, p))
}

/** P(X = k) for X ~ Bin(n, p); 0 outside 0…n (Loader 2000). */
export function binomialPmf(k: number, n: number, p: number): number {
  requireTrials(k, n, p)
  if (k < 0 || k > n) return 0
  if (p === 0) return k === 0 ? 1 : 0
  if (p === 1) return k === n ? 1 : 0
  if (k === 0) return Math.exp(n * Math.log1p(-p))
  if (k === n) return Math.exp(n * (p > 0.5 ? Math.log1p(p - 1) : Math.log(p)))
  return Math.exp(logBetaFront(p, 1 - p, k, n - k) + Math.log(n / k) - Math.log(n - k))
}
