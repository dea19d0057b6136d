import { requireWithin } from './stats-error.ts'

/** Position from 1 of a geometric variable with the given mean, by inversion of a uniform in [0, 1). */
export function geometricPosition(input: { readonly uniform: number; readonly mean: number }): number {
  requireWithin({ uniform: input.uniform }, 0, 1)
  requireWithin({ mean: input.mean }, 1, 1e9)
  if (input.mean === 1) return 1
  return 1 + Math.floor(Math.log1p(-Math.min(input.uniform, 1 - 2 ** -53)) / Math.log1p(-1 / input.mean))
}
