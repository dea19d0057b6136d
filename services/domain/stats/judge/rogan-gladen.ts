import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/**
 * True rate behind a judge's yes-rate p̂ over n answers, given its specificity (from m₀ true negatives) and sensitivity (from m₁ true positives):
 * θ̂ = (p̂ + sp − 1)/(se + sp − 1) (Rogan & Gladen 1978), interval of Lang & Reiczigel 2014 as in Lee et al. 2025 (arXiv 2511.21140), both clipped to
 * [0, 1]. Needs the same errors in both arms, else estimate per arm. Refuses a judge no better than chance (se + sp ≤ 1).
 */
export function roganGladen(input: {
  readonly positiveRate: number
  readonly n: number
  readonly specificity: number
  readonly negatives: number
  readonly sensitivity: number
  readonly positives: number
  readonly alpha: number
}): { readonly rate: number; readonly interval: Interval } {
  const { positiveRate, n, specificity, negatives, sensitivity, positives, alpha } = input
  requireWithin({ positiveRate, specificity, sensitivity }, 0, 1)
  requireCounts({ n, negatives, positives })
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  if (sensitivity + specificity <= 1)
    throw new StatsError('sensitivity + specificity must exceed 1: this judge tells nothing')
  const z = -normalQuantile(alpha / 2)
  const square = z * z
  const p = (n * positiveRate + square / 2) / (n + square)
  const q0 = (negatives * specificity + 1) / (negatives + 2)
  const q1 = (positives * sensitivity + 1) / (positives + 2)
  const youden = q0 + q1 - 1
  if (youden <= 0) throw new StatsError('too few calibration labels to say that the judge tells anything')
  const theta = (p + q0 - 1) / youden
  const variance0 = (q0 * (1 - q0)) / (negatives + 2)
  const variance1 = (q1 * (1 - q1)) / (positives + 2)
  const shift = 2 * square * (theta * variance1 - (1 - theta) * variance0)
  const error = Math.sqrt((p * (1 - p)) / (n + square) + (1 - theta) ** 2 * variance0 + theta ** 2 * variance1) / youden
  const clip = (value: number) => Math.min(1, Math.max(0, value))
  return {
    rate: clip((positiveRate + specificity - 1) / (sensitivity + specificity - 1)),
    interval: [clip(theta + shift - z * error), clip(theta + shift + z * error)],
  }
}
