import { requireWithin } from '../stats-error.ts'
import { baselineRateAtDifference, requireArms, type TwoArms } from './restricted-rates.ts'

/**
 * Score statistic for one difference of proportions over strata, H0: p₁ − p₀ = δ in each (Miettinen & Nurminen 1985, Stat. Med. 4:213, with Mantel-Haenszel
 * weights w = n₁n₀/(n₁ + n₀)): Σ w(p̂₁ − p̂₀ − δ) / √Σ w²(p̃₁(1−p̃₁)/n₁ + p̃₀(1−p̃₀)/n₀), p̃ the maximum-likelihood rates under δ. Rates and sizes of
 * strata may differ at will, which would bias the difference of pooled rates. One stratum: Farrington & Manning's z. Strata with an empty arm say nothing;
 * none that speaks gives 0. Throws StatsError on counts that cannot be, or δ outside [−1, 1].
 */
export function stratifiedScore(strata: readonly TwoArms[], difference: number): number {
  requireWithin({ difference }, -1, 1)
  let numerator = 0
  let variance = 0
  for (const stratum of strata) {
    requireArms(stratum)
    const weight = mantelHaenszelWeight(stratum)
    if (weight === 0) continue
    const { candidateEvents, candidateUnits, baselineEvents, baselineUnits } = stratum
    const baseline = baselineRateAtDifference(stratum, difference)
    const candidate = Math.min(Math.max(baseline + difference, 0), 1)
    numerator += weight * (candidateEvents / candidateUnits - baselineEvents / baselineUnits - difference)
    variance +=
      weight ** 2 * ((candidate * (1 - candidate)) / candidateUnits + (baseline * (1 - baseline)) / baselineUnits)
  }
  if (variance > 0) return numerator / Math.sqrt(variance)
  return numerator === 0 ? 0 : Math.sign(numerator) * Number.POSITIVE_INFINITY
}

/** n₁n₀/(n₁ + n₀); 0 when an arm is empty. */
export function mantelHaenszelWeight({ candidateUnits, baselineUnits }: TwoArms): number {
  const units = candidateUnits + baselineUnits
  return units === 0 ? 0 : (candidateUnits / units) * baselineUnits
}
