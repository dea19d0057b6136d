import { requireWithin } from './stats-error.ts'
import { baselineRateAtDifference, requireArms, type TwoArms } from './unpaired/restricted-rates.ts'

/**
 * Score statistic for a difference of two independent proportions against a margin (Farrington & Manning 1990, Stat. Med. 9:1447): the variance uses the
 * maximum-likelihood rates under p₁ − p₀ = δ. Reject Δ ≥ δ when z ≤ −c. An empty arm gives z = 0.
 */
export function farringtonManning(input: TwoArms & { readonly difference: number }): {
  readonly z: number
  readonly candidateRate: number
  readonly baselineRate: number
} {
  const { candidateEvents, candidateUnits, baselineEvents, baselineUnits, difference } = input
  requireArms(input)
  requireWithin({ difference }, -1, 1)
  if (candidateUnits === 0 || baselineUnits === 0) return { z: 0, candidateRate: Number.NaN, baselineRate: Number.NaN }
  const p1 = candidateEvents / candidateUnits
  const p0 = baselineEvents / baselineUnits
  const restricted0 = baselineRateAtDifference(input, difference)
  const restricted1 = Math.min(Math.max(restricted0 + difference, 0), 1)
  const variance =
    (restricted1 * (1 - restricted1)) / candidateUnits + (restricted0 * (1 - restricted0)) / baselineUnits
  const numerator = p1 - p0 - difference
  const z =
    variance > 0
      ? numerator / Math.sqrt(variance)
      : numerator === 0
        ? 0
        : Math.sign(numerator) * Number.POSITIVE_INFINITY
  return { z, candidateRate: p1, baselineRate: p0 }
}
