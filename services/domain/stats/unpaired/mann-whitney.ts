import { requireFinite } from '../moments/sample-moments.ts'
import { logBeta } from '../special-functions/beta.ts'
import { normalSf } from '../special-functions/normal.ts'
import { studentTTwoSided } from '../special-functions/student-t.ts'
import { StatsError } from '../stats-error.ts'

interface Ranked {
  readonly candidate: readonly number[]
  readonly baseline: readonly number[]
  /** Σ(t³ − t) over groups of t equal values. */
  readonly ties: number
}

/** Mid-ranks of both samples in their union. */
function midRanks(candidate: readonly number[], baseline: readonly number[]): Ranked {
  const all = [...candidate, ...baseline].map((value, index) => ({ value, index }))
  all.sort((a, b) => a.value - b.value)
  const ranks = new Array<number>(all.length).fill(0)
  let ties = 0
  for (let from = 0; from < all.length; ) {
    let to = from
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1
    for (let i = from; i < to; i += 1) ranks[all[i]?.index ?? 0] = (from + 1 + to) / 2
    const group = to - from
    ties += group * (group * group - 1)
    from = to
  }
  return { candidate: ranks.slice(0, candidate.length), baseline: ranks.slice(candidate.length), ties }
}

/**
 * Mann-Whitney test and P(candidate > baseline) + ½ P(equal) = U/(n₁n₀), on one value a unit. Two-sided normal p-values with tie correction, with and
 * without continuity correction (Mann & Whitney 1947); Brunner & Munzel 2000 (Biom. J. 42:17) for unequal variances, with t and their degrees of
 * freedom. It tests stochastic order, not a mean or a quantile. All values equal: p = 1. Samples that do not overlap leave Brunner and Munzel's
 * variance 0: W = ±∞, p the exact permutation value 2/C(n₁+n₀, n₁). Brunner-Munzel needs two values an arm, else it is null. An empty arm is refused.
 */
export function mannWhitney(
  candidate: readonly number[],
  baseline: readonly number[],
): {
  readonly u: number
  readonly superiority: number
  readonly pCorrected: number
  readonly p: number
  readonly brunnerMunzel: { readonly w: number; readonly p: number } | null
} {
  requireFinite('candidate', candidate)
  requireFinite('baseline', baseline)
  const n1 = candidate.length
  const n0 = baseline.length
  if (n1 === 0 || n0 === 0) throw new StatsError('an arm without any value has no rank')
  const ranks = midRanks(candidate, baseline)
  const u = ranks.candidate.reduce((sum, rank) => sum + rank, 0) - (n1 * (n1 + 1)) / 2
  const n = n1 + n0
  const deviation = Math.sqrt(((n1 * n0) / 12) * (n + 1 - (n < 2 ? 0 : ranks.ties / (n * (n - 1)))))
  const distance = Math.abs(u - (n1 * n0) / 2)
  const twoSided = (shift: number) => (deviation > 0 ? Math.min(1, 2 * normalSf((distance - shift) / deviation)) : 1)
  return {
    u,
    superiority: u / n1 / n0,
    pCorrected: twoSided(0.5),
    p: twoSided(0),
    brunnerMunzel: n1 < 2 || n0 < 2 ? null : brunnerMunzel(candidate, baseline, ranks),
  }
}

function brunnerMunzel(candidate: readonly number[], baseline: readonly number[], ranks: Ranked) {
  const n1 = candidate.length
  const n0 = baseline.length
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const spread = (own: readonly number[], joint: readonly number[]) => {
    const within = midRanks(own, []).candidate
    const centre = mean(joint) - (own.length + 1) / 2
    const squares = joint.map((rank, index) => (rank - (within[index] ?? 0) - centre) ** 2)
    return squares.reduce((sum, square) => sum + square, 0) / (own.length - 1)
  }
  const s1 = n1 * spread(candidate, ranks.candidate)
  const s0 = n0 * spread(baseline, ranks.baseline)
  const distance = mean(ranks.candidate) - mean(ranks.baseline)
  if (s1 + s0 === 0) {
    if (distance === 0) return { w: 0, p: 1 }
    const orders = Math.exp(Math.log(2) + Math.log(n1 + n0 + 1) + logBeta(n1 + 1, n0 + 1))
    return { w: Math.sign(distance) * Number.POSITIVE_INFINITY, p: Math.min(1, orders) }
  }
  const w = (n1 * n0 * distance) / ((n1 + n0) * Math.sqrt(s1 + s0))
  const df = (s1 + s0) ** 2 / (s1 ** 2 / (n1 - 1) + s0 ** 2 / (n0 - 1))
  return { w, p: studentTTwoSided(w, df) }
}
