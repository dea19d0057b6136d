import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin } from '../stats-error.ts'

/**
 * Questions needed to see a difference δ between two models (Miller 2024, arXiv 2411.00640): (z_{α/2} + z_β)²(ω² + σ_A²/K_A + σ_B²/K_B)/δ², two-sided, not
 * rounded; ω² = Var of the difference of conditional means, σ² = variance of one answer to one question, K = answers per question.
 */
export function evaluationSize(input: {
  readonly omegaSquared: number
  readonly varianceA: number
  readonly varianceB: number
  readonly answersA: number
  readonly answersB: number
  readonly difference: number
  readonly alpha: number
  readonly power: number
}): number {
  const { omegaSquared, varianceA, varianceB, answersA, answersB, difference, alpha, power } = input
  requireWithin({ omegaSquared, varianceA, varianceB }, 0, 1e150)
  requireWithin({ answersA, answersB }, Number.MIN_VALUE, 1e150)
  requireWithin({ 'size of the difference': Math.abs(difference) }, 1e-150, 1e150)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  requireWithin({ power }, alpha / 2, 1 - 1e-12)
  const z = (normalQuantile(power) - normalQuantile(alpha / 2)) / difference
  return z * z * (omegaSquared + varianceA / answersA + varianceB / answersB)
}
