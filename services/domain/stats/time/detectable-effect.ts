import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin } from '../stats-error.ts'

/**
 * Smallest margin that n available pairs can show: M* = (z_{1−α} + z_{1−β})√(ψ·deff/n), for a harmless candidate with discordance rate ψ. +∞ without
 * pairs.
 */
export function detectableMargin(input: {
  readonly discordance: number
  readonly pairs: number
  readonly designEffect: number
  readonly alpha: number
  readonly power: number
}): number {
  const { discordance, pairs, designEffect, alpha, power } = input
  requireWithin({ discordance }, 0, 1)
  requireWithin({ pairs }, 0, 1e15)
  requireWithin({ designEffect }, Number.MIN_VALUE, 1e9)
  requireWithin({ alpha }, Number.MIN_VALUE, 0.5)
  requireWithin({ power }, alpha, 1 - 1e-12)
  const z = normalQuantile(power) - normalQuantile(alpha)
  return pairs === 0 ? Number.POSITIVE_INFINITY : z * Math.sqrt((discordance * designEffect) / pairs)
}
