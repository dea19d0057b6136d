import { binomialCdf, binomialPmf, binomialSfGe } from '../special-functions/binomial.ts'
import { requireCounts, requireWithin } from '../stats-error.ts'

/** Probability mass that may be left out at each end of the number of discordant pairs. */
const negligible = 1e-17
/** Enumeration takes about 40·√n steps. */
const pairsMax = 1e8

/**
 * Unconditional power of McNemar's exact and mid-p tests for n pairs, by full enumeration over the number m of discordant pairs:
 * Σ_m Bin(m; n, ψ) · P(reject | m), X | m ~ Bin(m, p₀₁/ψ) (Fagerland, Lydersen & Laake 2013). One-sided rejects for "candidate has more".
 * m = 0 never rejects; ψ = 0 has power 0. p-values equal to α within rounding reject.
 */
export function mcnemarPower(input: {
  readonly n: number
  readonly onlyCandidateShare: number
  readonly onlyBaselineShare: number
  readonly alpha: number
  readonly sides: 1 | 2
}): { readonly exact: number; readonly midP: number } {
  const { n, onlyCandidateShare, onlyBaselineShare, alpha, sides } = input
  requireCounts({ n })
  requireWithin({ n }, 0, pairsMax)
  requireWithin({ onlyCandidateShare, onlyBaselineShare }, 0, 1)
  const psi = onlyCandidateShare + onlyBaselineShare
  requireWithin({ 'discordance rate': psi }, 0, 1 + 1e-12)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const discordance = Math.min(psi, 1)
  const power = { exact: 0, midP: 0 }
  if (discordance === 0) return power
  const direction = Math.min(1, onlyCandidateShare / psi)
  const limit = (alpha / sides) * (1 + 1e-12)
  const least = { exact: 0, midP: 0 }
  for (let m = Math.max(1, firstLikely(n, discordance)); m <= n; m += 1) {
    const weight = binomialPmf(m, n, discordance)
    if (weight < negligible && m > n * discordance) break
    least.exact = leastRejected(m, least.exact, (x) => binomialSfGe(x, m, 0.5) <= limit)
    least.midP = leastRejected(m, least.midP, (x) => binomialSfGe(x + 1, m, 0.5) + binomialPmf(x, m, 0.5) / 2 <= limit)
    power.exact += weight * rejection(m, least.exact, direction, sides)
    power.midP += weight * rejection(m, least.midP, direction, sides)
  }
  return power
}

/** The first m that is not negligibly rare, by bisection on the lower tail. */
function firstLikely(n: number, discordance: number): number {
  let low = 0
  let high = Math.floor(n * discordance)
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (binomialCdf(middle, n, discordance) < negligible) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The smallest count above m/2 that `rejects`, m + 1 when none does. From one m to the next it moves by at most one, so the search starts
 * where it last ended.
 */
function leastRejected(m: number, previous: number, rejects: (x: number) => boolean): number {
  const floor = Math.floor(m / 2) + 1
  if (previous === 0) {
    let low = floor
    let high = m + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (rejects(middle)) high = middle
      else low = middle + 1
    }
    return low
  }
  let x = Math.min(Math.max(floor, previous), m + 1)
  while (x > floor && rejects(x - 1)) x -= 1
  while (x <= m && !rejects(x)) x += 1
  return x
}

function rejection(m: number, least: number, direction: number, sides: 1 | 2): number {
  if (least > m) return 0
  const upper = binomialSfGe(least, m, direction)
  return sides === 1 ? upper : upper + binomialCdf(m - least, m, direction)
}
