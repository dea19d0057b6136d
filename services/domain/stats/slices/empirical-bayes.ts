import { requireFinite } from '../moments/sample-moments.ts'
import { normalSf } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/** Effect estimate and its standard error, one per slice. */
export interface SliceEffects {
  readonly effects: readonly number[]
  readonly errors: readonly number[]
}

function requireSlices({ effects, errors }: SliceEffects): void {
  requireFinite('effects', effects)
  requireFinite('errors', errors)
  if (effects.length === 0) throw new StatsError('no slice given')
  if (effects.length !== errors.length)
    throw new StatsError(`${effects.length} effects for ${errors.length} standard errors`)
  for (const error of errors) requireWithin({ 'standard error': error }, 1e-150, 1e150)
}

function weightedMean(values: readonly number[], weights: readonly number[]) {
  let total = 0
  let sum = 0
  for (const [index, value] of values.entries()) {
    total += weights[index] ?? 0
    sum += (weights[index] ?? 0) * value
  }
  return { mean: sum / total, total }
}

/** Cochran's Q of estimates against their inverse-variance mean, that mean and its error; Q has k − 1 degrees of freedom. */
export function inverseVariancePool(slices: SliceEffects): {
  readonly q: number
  readonly mean: number
  readonly error: number
  readonly weights: readonly number[]
} {
  requireSlices(slices)
  // Weights relative to the most precise estimate: squares of tiny errors would overflow.
  const smallest = Math.min(...slices.errors)
  const relative = slices.errors.map((error) => (smallest / error) ** 2)
  const { mean, total } = weightedMean(slices.effects, relative)
  const q = slices.effects.reduce(
    (sum, effect, index) => sum + ((effect - mean) / (slices.errors[index] ?? Number.NaN)) ** 2,
    0,
  )
  return {
    q,
    mean,
    error: smallest / Math.sqrt(total),
    weights: relative.map((weight) => weight / smallest / smallest),
  }
}

/**
 * Shrinks slice effects towards their random-effects mean: τ² = max(0, (Q − (k−1))/(Σw − Σw²/Σw)) (DerSimonian & Laird 1986), B = τ²/(τ² + se²),
 * posterior μ + B(Δ − μ) with deviation √B·se; with `margin` also P(Δ_s > margin). τ² = 0 (always so for a single slice) gives every slice the mean
 * with deviation 0.
 */
export function shrinkSlices(
  slices: SliceEffects,
  margin: number | null,
): {
  readonly q: number
  readonly tauSquared: number
  readonly mean: number
  readonly shrunk: readonly number[]
  readonly deviations: readonly number[]
  readonly exceeds: readonly number[] | null
} {
  const { q, weights } = inverseVariancePool(slices)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const scale = total - weights.reduce((sum, weight) => sum + (weight / total) * weight, 0)
  const excess = q - (weights.length - 1)
  const tauSquared = excess > 0 && scale > 0 ? excess / scale : 0
  const { mean } = weightedMean(
    slices.effects,
    slices.errors.map((error) => 1 / (tauSquared + error * error)),
  )
  const kept = slices.errors.map((error) => tauSquared / (tauSquared + error * error))
  const shrunk = slices.effects.map((effect, index) => mean + (kept[index] ?? 0) * (effect - mean))
  const deviations = slices.errors.map((error, index) => Math.sqrt(kept[index] ?? 0) * error)
  const exceeds =
    margin === null
      ? null
      : shrunk.map((value, index) => {
          const deviation = deviations[index] ?? 0
          if (deviation > 0) return normalSf((margin - value) / deviation)
          return value > margin ? 1 : 0
        })
  return { q, tauSquared, mean, shrunk, deviations, exceeds }
}
