import { requireWithin } from '../stats-error.ts'
import { shareSequence } from './two-sided-mixture.ts'

/**
 * Confidence sequence for the rate ratio R of an unpaired canary with share q: given a unit with an event, it is the candidate's with probability
 * π = qR/(qR + 1 − q), so that R = π/(1−π)·(1−q)/q (Lindon, Sanden & Shirikian 2022). Candidate's events x of x + y. R's upper limit is +∞ without
 * baseline events.
 */
export function rateRatioSequence(input: {
  readonly candidateEvents: number
  readonly baselineEvents: number
  readonly candidateShare: number
  readonly a: number
  readonly b: number
  readonly alpha: number
}): { readonly share: readonly [number, number]; readonly ratio: readonly [number, number] } {
  const { candidateEvents, baselineEvents, candidateShare, a, b, alpha } = input
  requireWithin({ candidateShare }, Number.MIN_VALUE, 1 - Number.EPSILON / 2)
  const share = shareSequence({ events: candidateEvents, others: baselineEvents, a, b, alpha })
  const toRatio = (pi: number) => (pi / (1 - pi)) * ((1 - candidateShare) / candidateShare)
  return { share, ratio: [toRatio(share[0]), toRatio(share[1])] }
}
