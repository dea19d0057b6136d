import { logTruncatedBetaBinomialE } from '../beta-binomial-e.ts'
import { logSumExp } from '../log-sum.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/** Share of the candidate among units with an event when its rate is R times the baseline's: π = qR/(qR + 1 − q), whatever the base rate does. */
function candidateShareOfEvents(trafficShare: number, ratio: number): number {
  return (trafficShare * ratio) / (trafficShare * ratio + 1 - trafficShare)
}

/**
 * Event-share e-value for H0 R ≤ R₀ at a fixed share q: one-sided beta-binomial mixture with prior Beta(kπ₀, k(1−π₀)) truncated to (π₀, 1), strength
 * k = 4 by default (Lindon & Malek 2022 with Robbins' mixture). ln E = 0 without events. Unit = assignment unit with at least one event.
 */
export function eventShareE(input: {
  readonly candidateShare: number
  readonly candidateEvents: number
  readonly baselineEvents: number
  readonly nullRatio: number
  readonly strength: number
}): { readonly nullShare: number; readonly logE: number } {
  const { candidateShare, candidateEvents, baselineEvents, nullRatio, strength } = input
  requireWithin({ candidateShare }, 1e-12, 1 - 1e-12)
  requireWithin({ nullRatio, strength }, Number.MIN_VALUE, 1e12)
  const nullShare = candidateShareOfEvents(candidateShare, nullRatio)
  const logE = logTruncatedBetaBinomialE({
    events: candidateEvents,
    others: baselineEvents,
    nullShare,
    a: strength * nullShare,
    b: strength * (1 - nullShare),
  })
  return { nullShare, logE }
}

/** Events of both arms while the candidate's share was q. */
export interface ShareSegment {
  readonly candidateShare: number
  readonly candidateEvents: number
  readonly baselineEvents: number
}

/**
 * ln E for H0 R ≤ R₀ when q changes by stage: mean over R_j = R₀·exp(step·j), j = 1…count, of the product over segments of the likelihood ratios
 * (π(q, R_j)/π(q, R₀))ˣ((1−π(q, R_j))/(1−π(q, R₀)))ʸ. Each is a supermartingale for every R ≤ R₀, so is their mean.
 */
export function gridMixtureE(input: {
  readonly segments: readonly ShareSegment[]
  readonly nullRatio: number
  readonly step: number
  readonly count: number
}): number {
  const { segments, nullRatio, step, count } = input
  requireWithin({ nullRatio, step }, Number.MIN_VALUE, 1e12)
  requireCounts({ count })
  if (count === 0 || count > 100_000) throw new StatsError(`the grid needs 1 to 100000 ratios, got ${count}`)
  for (const { candidateShare, candidateEvents, baselineEvents } of segments) {
    requireWithin({ candidateShare }, 1e-12, 1 - 1e-12)
    requireCounts({ candidateEvents, baselineEvents })
  }
  const terms = Array.from({ length: count }, (_, index) => {
    const growth = Math.expm1(step * (index + 1))
    return segments.reduce((sum, { candidateShare: q, candidateEvents, baselineEvents }) => {
      const mixed = Math.log1p(candidateShareOfEvents(q, nullRatio) * growth)
      return sum + candidateEvents * (step * (index + 1) - mixed) - baselineEvents * mixed
    }, 0)
  })
  return logSumExp(terms) - Math.log(count)
}
