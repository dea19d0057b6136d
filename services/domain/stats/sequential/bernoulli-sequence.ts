import { logBetaEvidence } from '../beta-binomial-e.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'
import { rootOf } from './monotone-root.ts'
import { mixtureRho } from './normal-mixture.ts'

/** How a mixture is tuned: for a decision after `tunedFor` observations at level `tunedAlpha`. */
export interface Tuning {
  readonly tunedFor: number
  readonly tunedAlpha: number
}

/** Beta(r/(1−p), r/p) with r = max(ρ − p(1−p), p(1−p)/1000), ρ tuned at variance p(1−p)·t (Howard et al. 2021, section 3.5). */
export function tunedBetaPrior(p: number, tuning: Tuning): { readonly a: number; readonly b: number } {
  const variance = p * (1 - p)
  const rho = mixtureRho(variance * tuning.tunedFor, tuning.tunedAlpha)
  const r = Math.max(rho - variance, 1e-3 * variance)
  return { a: r / (1 - p), b: r / p }
}

/**
 * Confidence sequence for a Bernoulli mean whose prior is tuned anew for each candidate p: {p : E_p < 1/α} (Howard et al. 2021; as in the confseq
 * library). 0 below without successes, 1 above without failures; [0, 1] of nothing.
 */
export function bernoulliSequence(
  input: { readonly successes: number; readonly trials: number; readonly alpha: number } & Tuning,
): readonly [low: number, high: number] {
  const { successes, trials, alpha, tunedFor, tunedAlpha } = input
  requireCounts({ successes, trials })
  if (successes > trials) throw new StatsError(`${successes} successes cannot lie among ${trials} trials`)
  requireWithin({ alpha, tunedAlpha }, Number.MIN_VALUE, 1 - Number.EPSILON / 2)
  requireWithin({ tunedFor }, 1e-9, 1e15)
  if (trials === 0) return [0, 1]
  const failures = trials - successes
  const threshold = -Math.log(alpha)
  const evidence = (p: number) =>
    logBetaEvidence({ events: successes, others: failures, nullShare: p, ...tunedBetaPrior(p, input) })
  // From the failures' side for the upper limit, so that limits near 1 keep their digits.
  const mirrored = (q: number) =>
    logBetaEvidence({ events: failures, others: successes, nullShare: q, ...tunedBetaPrior(q, input) })
  const low = successes === 0 ? 0 : lowerLimit(evidence, threshold, successes / trials)
  const high = failures === 0 ? 1 : 1 - lowerLimit(mirrored, threshold, failures / trials)
  return [low, high]
}

/** The root below the estimate; 0 when a prior tuned for next to nothing leaves the evidence below the threshold down to 0. */
function lowerLimit(evidence: (p: number) => number, threshold: number, estimate: number): number {
  const least = 1e-300
  const limit = rootOf(evidence, threshold, least, estimate)
  return limit === least ? 0 : limit
}
