import { logSumExp } from './log-sum.ts'
import { logBetaFront, logRegularizedBeta } from './special-functions/beta.ts'
import { requireCounts, requireWithin } from './stats-error.ts'

/**
 * ln of the one-sided beta-binomial e-value for H0 π ≤ π₀: a Beta(a, b) prior truncated to (π₀, 1) against π₀, after `events` of one kind and
 * `others` of the other. E = B(a+x, b+y)·I_{1−π₀}(b+y, a+x) / (B(a, b)·I_{1−π₀}(b, a)) / (π₀ˣ(1−π₀)ʸ). A supermartingale for every π ≤ π₀,
 * so P(E ever ≥ 1/α) ≤ α (Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon 2021). 0 (E = 1) when nothing was seen.
 */
export function logTruncatedBetaBinomialE(input: {
  readonly events: number
  readonly others: number
  readonly nullShare: number
  readonly a: number
  readonly b: number
}): number {
  const { events, others, nullShare, a, b } = input
  requireCounts({ events, others })
  requireWithin({ nullShare }, Number.MIN_VALUE, 1 - Number.EPSILON / 2)
  const upper = 1 - nullShare
  const posterior = logRegularizedBeta(upper, nullShare, b + others, a + events)
  const prior = logRegularizedBeta(upper, nullShare, b, a)
  return logBetaEvidence(input) + posterior - prior
}

/**
 * ln of B(a+x, b+y)/B(a, b)/(π₀ˣ(1−π₀)ʸ), the likelihood ratio of a whole Beta(a, b) prior against π₀, as the difference of the two densities' weights at
 * π₀: the powers of π₀ cancel on paper instead of in floating point, where ten million events would leave eight digits.
 */
export function logBetaEvidence(input: {
  readonly events: number
  readonly others: number
  readonly nullShare: number
  readonly a: number
  readonly b: number
}): number {
  const { events, others, nullShare, a, b } = input
  const rest = 1 - nullShare
  return logBetaFront(nullShare, rest, a, b) - logBetaFront(nullShare, rest, a + events, b + others)
}

/**
 * The prior's a = b for a decision expected after `discordant` discordant pairs at level α: ρ = (m/4)/(2 ln(1/α) + ln(1 + 2 ln(1/α))),
 * a = max(½, 2ρ − ½) (Howard et al. 2021, section 3.5).
 */
export function tunedPrior(input: { readonly discordant: number; readonly alpha: number }): number {
  requireWithin({ alpha: input.alpha }, Number.MIN_VALUE, 1)
  const log = 2 * Math.log(1 / input.alpha)
  const rho = input.discordant / 4 / (log + Math.log1p(log))
  return Math.max(0.5, 2 * rho - 0.5)
}

/** ½ of the tuned prior and ½ of Beta(½, ½): the second half finds a candidate that always fails within about ten pairs. Prior centred at π₀. */
export function logMixedBetaBinomialE(input: {
  readonly events: number
  readonly others: number
  readonly nullShare: number
  readonly tuned: number
}): number {
  const { events, others, nullShare, tuned } = input
  const scale = 2 * Math.min(nullShare, 1 - nullShare)
  const of = (strength: number) =>
    logTruncatedBetaBinomialE({
      events,
      others,
      nullShare,
      a: Math.max(0.5, (2 * strength * nullShare) / Math.max(scale, 0.1)),
      b: Math.max(0.5, (2 * strength * (1 - nullShare)) / Math.max(scale, 0.1)),
    })
  return logSumExp([of(tuned), of(0.5)]) - Math.log(2)
}
