import { normalSf } from '../special-functions/normal.ts'
import { requireWithin } from '../stats-error.ts'

/**
 * Is harm specific to a slice? z of its effect against that of all other traffic (independent units): (Δ_s − Δ_rest)/√(se_s² + se_rest²), with one-sided
 * p for "the slice is worse" and two-sided p. Without any error at all: z = 0 when the effects agree, else ±∞.
 */
export function sliceContrast(input: {
  readonly sliceEffect: number
  readonly sliceError: number
  readonly restEffect: number
  readonly restError: number
}): { readonly difference: number; readonly z: number; readonly pWorse: number; readonly p: number } {
  const { sliceEffect, sliceError, restEffect, restError } = input
  requireWithin({ sliceEffect, restEffect }, -1e150, 1e150)
  requireWithin({ sliceError, restError }, 0, 1e150)
  const difference = sliceEffect - restEffect
  const error = Math.hypot(sliceError, restError)
  const z = error > 0 ? difference / error : difference === 0 ? 0 : Math.sign(difference) * Number.POSITIVE_INFINITY
  return { difference, z, pWorse: normalSf(z), p: Math.min(1, 2 * normalSf(Math.abs(z))) }
}
