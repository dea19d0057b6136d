import { requireCounts, requireWithin } from '../stats-error.ts'

/**
 * Mixture sequential probability ratio test of two means with n units an arm and a N(0, τ²) mixture over the difference (Johari, Pekelis & Walsh
 * 2015; Oper. Res. 2022): Λ = √(V/(V+nτ²)) exp(n²τ²d²/(2V(V+nτ²))), V = σ_A² + σ_B². ln Λ, p = min(1, 1/Λ) and the half width of the always valid
 * interval for d at level α. n = 0: ln Λ = 0, half width +∞.
 */
export function normalLikelihoodRatio(input: {
  readonly unitsPerArm: number
  readonly difference: number
  readonly varianceA: number
  readonly varianceB: number
  readonly mixtureVariance: number
  readonly alpha: number
}): { readonly logRatio: number; readonly halfWidth: number } {
  const { unitsPerArm: n, difference, varianceA, varianceB, mixtureVariance, alpha } = input
  requireCounts({ unitsPerArm: n })
  requireWithin({ difference }, -1e150, 1e150)
  requireWithin({ varianceA, varianceB }, 0, 1e150)
  requireWithin({ 'sum of variances': varianceA + varianceB, mixtureVariance }, Number.MIN_VALUE, 1e150)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const variance = varianceA + varianceB
  const growth = (n * mixtureVariance) / variance
  const perSquare = (n * growth) / (2 * variance * (1 + growth))
  const logRatio = perSquare * difference * difference - 0.5 * Math.log1p(growth)
  const halfWidth = Math.sqrt((0.5 * Math.log1p(growth) - Math.log(alpha)) / perSquare)
  return { logRatio, halfWidth }
}
