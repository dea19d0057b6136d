import { logBetaEvidence } from '../beta-binomial-e.ts'
import { requireCounts, requireWithin } from '../stats-error.ts'
import { rootOf } from './monotone-root.ts'

/** x events of one kind, y of the other. */
interface Sides {
  readonly events: number
  readonly others: number
}

/**
 * ln of the two-sided beta-binomial e-value for H0 π = π₀, Beta(a, b) mixture: B(a+x, b+y)/B(a, b)/(π₀ˣ(1−π₀)ʸ) (Robbins 1970; Howard, Ramdas,
 * McAuliffe & Sekhon 2021). For discordant pairs π₀ = ½, valid whatever their rate does over time. 0 when nothing was seen.
 */
export function logTwoSidedE(
  input: Sides & { readonly nullShare: number; readonly a: number; readonly b: number },
): number {
  const { events, others, nullShare, a, b } = input
  requireCounts({ events, others })
  requireWithin({ nullShare }, Number.MIN_VALUE, 1 - Number.EPSILON / 2)
  requireWithin({ a, b }, Number.MIN_VALUE, 1e15)
  return logBetaEvidence(input)
}

/** Anytime-valid p-value of an e-value given by its logarithm: min(1, 1/E). */
export function anytimeP(logE: number): number {
  return Math.min(1, Math.exp(-logE))
}

/**
 * Confidence sequence for π: all π₀ with E(π₀) < 1/α, valid at every look at once. 0 below when there is no event, 1 above when there is nothing else;
 * [0, 1] of nothing.
 */
export function shareSequence(
  input: Sides & { readonly a: number; readonly b: number; readonly alpha: number },
): readonly [low: number, high: number] {
  const { events, others, alpha } = input
  requireCounts({ events, others })
  requireWithin({ alpha }, Number.MIN_VALUE, 1 - Number.EPSILON / 2)
  requireWithin({ a: input.a, b: input.b }, Number.MIN_VALUE, 1e15)
  const threshold = -Math.log(alpha)
  const at = (logit: number) => {
    // With the smaller of π and 1 − π exact, both ends keep their relative accuracy.
    const share = 1 / (1 + Math.exp(-logit))
    return share < 0.5
      ? logBetaEvidence({ ...input, nullShare: share })
      : logBetaEvidence({
          events: others,
          others: events,
          nullShare: 1 / (1 + Math.exp(logit)),
          a: input.b,
          b: input.a,
        })
  }
  const centre = Math.log((events + 0.5) / (others + 0.5))
  const estimate = events === 0 ? -farLogit : others === 0 ? farLogit : Math.log(events / others)
  const low = events === 0 ? 0 : sigmoid(rootOf(at, threshold, -farLogit, Math.max(centre - 1, estimate)))
  const high = others === 0 ? 1 : sigmoid(rootOf(at, threshold, farLogit, Math.min(centre + 1, estimate)))
  return [low, high]
}

/** Beyond it π or 1 − π is below any count's reach. */
const farLogit = 700

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit))
}
