import { binomialPmf, binomialSfGe } from '../special-functions/binomial.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/**
 * Exact conditional test of H0: rate₁/rate₀ ≤ R₀ against a larger ratio (Przyborowski & Wilenski 1940): given x₁ + x₀ events,
 * x₁ ~ Bin(x₁ + x₀, π₀), π₀ = n₁R₀/(n₁R₀ + n₀). Exposures n may be any positive amounts. No event at all: both p-values are 1.
 */
export function rateRatioExact(input: {
  readonly candidateEvents: number
  readonly candidateExposure: number
  readonly baselineEvents: number
  readonly baselineExposure: number
  readonly nullRatio: number
}): { readonly nullShare: number; readonly exact: number; readonly midP: number } {
  const { candidateEvents, candidateExposure, baselineEvents, baselineExposure, nullRatio } = input
  requireCounts({ candidateEvents, baselineEvents })
  requireWithin({ candidateExposure, baselineExposure }, 0, 1e150)
  requireWithin({ nullRatio }, 1e-100, 1e100)
  if (candidateExposure === 0 || baselineExposure === 0)
    throw new StatsError('an arm without exposure has no rate: both exposures must be positive')
  const nullShare = (candidateExposure * nullRatio) / (candidateExposure * nullRatio + baselineExposure)
  const events = candidateEvents + baselineEvents
  if (events === 0) return { nullShare, exact: 1, midP: 1 }
  return {
    nullShare,
    exact: binomialSfGe(candidateEvents, events, nullShare),
    midP: binomialSfGe(candidateEvents + 1, events, nullShare) + binomialPmf(candidateEvents, events, nullShare) / 2,
  }
}
