import { binomialPmf, binomialSfGe } from '../special-functions/binomial.ts'
import { chiSquareSf } from '../special-functions/chi-square.ts'
import { requireCounts } from '../stats-error.ts'

/** Discordant pairs: the bad event only at the candidate (n₀₁), only at the baseline (n₁₀). */
export interface DiscordantPairs {
  readonly onlyCandidate: number
  readonly onlyBaseline: number
}

/**
 * McNemar's two-sided tests of p_candidate = p_baseline from the discordant pairs, m = n₀₁ + n₁₀ (McNemar 1947):
 * exact p = min(1, 2 P(X ≤ min)), X ~ Bin(m, ½); mid-p = exact − P(X = min), and 1 − ½ P(X = n₀₁) where both are equal (Fagerland, Lydersen &
 * Laake 2013: never above the nominal level in 9,595 scenarios, hence the default); χ² = (n₀₁ − n₁₀)²/m with one degree of freedom, and with
 * continuity correction, which is too conservative to decide by. m = 0 says nothing: p = 1, χ² = 0. Pairs must be independent: one pair a unit.
 */
export function mcnemarTest({ onlyCandidate, onlyBaseline }: DiscordantPairs): {
  readonly exact: number
  readonly midP: number
  readonly chiSquare: number
  readonly pChiSquare: number
  readonly chiSquareCorrected: number
  readonly pChiSquareCorrected: number
} {
  requireCounts({ onlyCandidate, onlyBaseline })
  const m = onlyCandidate + onlyBaseline
  const difference = Math.abs(onlyCandidate - onlyBaseline)
  const corrected = Math.max(0, difference - 1)
  const chiSquare = m === 0 ? 0 : (difference / m) * difference
  const chiSquareCorrected = m === 0 ? 0 : (corrected / m) * corrected
  return {
    exact: mcnemarExact({ onlyCandidate, onlyBaseline }),
    midP: mcnemarMidP({ onlyCandidate, onlyBaseline }),
    chiSquare,
    pChiSquare: chiSquareSf(chiSquare, 1),
    chiSquareCorrected,
    pChiSquareCorrected: chiSquareSf(chiSquareCorrected, 1),
  }
}

/** Two-sided exact p-value: 1 when both counts are equal, m = 0 included. */
function mcnemarExact({ onlyCandidate, onlyBaseline }: DiscordantPairs): number {
  requireCounts({ onlyCandidate, onlyBaseline })
  const larger = Math.max(onlyCandidate, onlyBaseline)
  return Math.min(1, 2 * binomialSfGe(larger, onlyCandidate + onlyBaseline, 0.5))
}

/** Two-sided mid-p-value; 1 when m = 0. Also the sign test on wins and losses, which leaves ties out. */
export function mcnemarMidP({ onlyCandidate, onlyBaseline }: DiscordantPairs): number {
  requireCounts({ onlyCandidate, onlyBaseline })
  const m = onlyCandidate + onlyBaseline
  const larger = Math.max(onlyCandidate, onlyBaseline)
  if (m === 0) return 1
  if (onlyCandidate === onlyBaseline) return 1 - binomialPmf(larger, m, 0.5) / 2
  // P(X ≥ larger + 1) + ½ P(X = larger), twice: adding the two parts keeps digits that exact − pmf would lose.
  return 2 * binomialSfGe(larger + 1, m, 0.5) + binomialPmf(larger, m, 0.5)
}

/** One-sided p-values for "the candidate has more events" (exact P(X ≥ n₀₁), mid-p P(X > n₀₁) + ½ P(X = n₀₁)); both 1 when m = 0. */
export function mcnemarOneSided({ onlyCandidate, onlyBaseline }: DiscordantPairs): {
  readonly exact: number
  readonly midP: number
} {
  requireCounts({ onlyCandidate, onlyBaseline })
  const m = onlyCandidate + onlyBaseline
  if (m === 0) return { exact: 1, midP: 1 }
  return {
    exact: binomialSfGe(onlyCandidate, m, 0.5),
    midP: binomialSfGe(onlyCandidate + 1, m, 0.5) + binomialPmf(onlyCandidate, m, 0.5) / 2,
  }
}
