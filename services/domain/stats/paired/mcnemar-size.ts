import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/** Expected shares of pairs with the event only at the candidate and only at the baseline, with error rates. */
export interface PairedDesign {
  readonly onlyCandidateShare: number
  readonly onlyBaselineShare: number
  readonly alpha: number
  readonly power: number
  readonly sides: 1 | 2
}

/** Throws unless both shares are probabilities that can stand side by side, and the error rates leave something to plan for. */
function requireDesign(design: PairedDesign): void {
  const { onlyCandidateShare, onlyBaselineShare, alpha, power } = design
  requireWithin({ onlyCandidateShare, onlyBaselineShare }, 0, 1)
  requireWithin({ 'discordance rate': onlyCandidateShare + onlyBaselineShare }, 0, 1 + 1e-12)
  requireWithin({ alpha }, Number.MIN_VALUE, 0.5)
  requireWithin({ power }, alpha, 1 - 1e-12)
}

/**
 * Pairs needed by McNemar's test, not rounded, with δ = |p₀₁ − p₁₀|, ψ = p₀₁ + p₁₀. Connor 1987 (Biometrics 43:207; the default):
 * [z_{1−α/s}√ψ + z_{1−β}√(ψ − δ²)]²/δ². Miettinen 1968 (Biometrics 24:339), slightly smaller, not for gating:
 * [z_{1−α/s}ψ + z_{1−β}√(ψ² − δ²(3+ψ)/4)]²/(ψδ²). Throws StatsError when δ = 0: no size finds no difference.
 */
export function mcnemarSize(design: PairedDesign): { readonly connor: number; readonly miettinen: number } {
  requireDesign(design)
  const delta = Math.abs(design.onlyCandidateShare - design.onlyBaselineShare)
  const psi = design.onlyCandidateShare + design.onlyBaselineShare
  if (delta === 0) throw new StatsError('no number of pairs detects a difference of 0: the two shares must differ')
  const zAlpha = -normalQuantile(design.alpha / design.sides)
  const zBeta = normalQuantile(design.power)
  const connor = zAlpha * Math.sqrt(psi) + zBeta * Math.sqrt(Math.max(0, psi - delta * delta))
  const spread = Math.sqrt(Math.max(0, psi * psi - (delta * delta * (3 + psi)) / 4))
  const miettinen = zAlpha * psi + zBeta * spread
  return { connor: (connor / delta) ** 2, miettinen: (miettinen * miettinen) / psi / delta / delta }
}

/**
 * Pairs needed to show Δ < M when the truth is δ = p₀₁ − p₁₀ (positive = candidate worse): (z_{1−α/s} + z_{1−β})²(ψ − δ²)/(M − δ)², normal
 * approximation (Liu et al. 2002, Stat. Med. 21:231, simplified), not rounded. Throws StatsError unless M > δ.
 */
export function nonInferioritySize(design: PairedDesign & { readonly margin: number }): number {
  requireDesign(design)
  requireWithin({ margin: design.margin }, -1, 1)
  const delta = design.onlyCandidateShare - design.onlyBaselineShare
  const psi = design.onlyCandidateShare + design.onlyBaselineShare
  if (!(design.margin > delta))
    throw new StatsError(`the margin ${design.margin} must exceed the true difference ${delta}: it cannot be shown`)
  const z = -normalQuantile(design.alpha / design.sides) + normalQuantile(design.power)
  const variance = Math.max(0, psi - delta * delta)
  return variance === 0 ? 0 : (z / (design.margin - delta)) ** 2 * variance
}
