import { requireWithin } from './stats-error.ts'

/**
 * Half width of a two-sided asymptotic confidence sequence for a mean after n units with standard deviation σ:
 * σ √(2(nρ²+1)/(n²ρ²) · ln(√(nρ²+1)/α)), ρ² = (−2 ln α + ln(1 − 2 ln α)) / t_opt (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, Ann. Stat.).
 * Valid at every look at once; for display, never for action on means. +∞ when n = 0.
 */
export function sequenceHalfWidth(input: {
  readonly n: number
  readonly deviation: number
  readonly alpha: number
  readonly tunedFor: number
}): number {
  const { n, deviation, alpha, tunedFor } = input
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  if (n === 0) return Number.POSITIVE_INFINITY
  const log = -2 * Math.log(alpha)
  const rhoSquared = (log + Math.log1p(log)) / Math.max(1, tunedFor)
  const grown = n * rhoSquared + 1
  return deviation * Math.sqrt(((2 * grown) / (n * n * rhoSquared)) * Math.log(Math.sqrt(grown) / alpha))
}
