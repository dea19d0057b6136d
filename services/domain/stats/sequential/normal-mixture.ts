import { logNormalSf } from '../special-functions/normal.ts'
import { requireWithin } from '../stats-error.ts'
import { rootOf } from './monotone-root.ts'

/** ρ that makes the two-sided normal mixture tightest at intrinsic time v: v/(2 ln(1/α) + ln(1 + 2 ln(1/α))) (Howard et al. 2021, eq. 18). */
export function mixtureRho(v: number, alpha: number): number {
  const log = -2 * Math.log(alpha)
  return v / (log + Math.log1p(log))
}

/**
 * Boundary u(v) that a sub-Gaussian sum of intrinsic time (variance) v ever crosses with probability ≤ α. Two-sided: √((v+ρ)(ln((v+ρ)/ρ) + 2 ln(1/α)));
 * one-sided: the s with ½ ln(4ρ/(v+ρ)) + s²/(2(v+ρ)) + ln Φ(s/√(v+ρ)) = ln(1/α), ρ tuned at 2α (Howard, Ramdas, McAuliffe & Sekhon 2021, Ann. Stat.
 * 49:1055). `tunedFor` = v at which it shall be tightest.
 */
export function normalMixtureBound(input: {
  readonly v: number
  readonly alpha: number
  readonly tunedFor: number
  readonly tunedAlpha: number
  readonly sides: 1 | 2
}): { readonly rho: number; readonly bound: number } {
  const { v, alpha, tunedFor, tunedAlpha, sides } = input
  requireWithin({ v }, 0, 1e300)
  requireWithin({ tunedFor }, 1e-9, 1e15)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  requireWithin({ tunedAlpha }, Number.MIN_VALUE, (1 - Number.EPSILON) / (sides === 1 ? 2 : 1))
  const rho = mixtureRho(tunedFor, sides === 1 ? 2 * tunedAlpha : tunedAlpha)
  const scale = v + rho
  const twoSided = Math.sqrt(scale * (Math.log1p(v / rho) - 2 * Math.log(alpha)))
  if (sides === 2) return { rho, bound: twoSided }
  // In units of √(v+ρ); one-sided evidence is at most ln 2 above the two-sided one, and never further below than Φ's part.
  const evidence = (s: number) => 0.5 * Math.log((4 * rho) / scale) + (s * s) / 2 + logNormalSf(-s)
  const far = twoSided / Math.sqrt(scale) + 2
  return { rho, bound: Math.sqrt(scale) * rootOf(evidence, -Math.log(alpha), far, 0) }
}
