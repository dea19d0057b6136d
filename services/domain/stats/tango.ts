import { requireCounts, requireWithin, StatsError } from './stats-error.ts'

/**
 * Tango's score statistic for a difference of paired proportions (Tango 1998, Stat. Med. 17:891): T(δ) = (n₀₁ − n₁₀ − nδ) / √(n(2q̃ + δ(1−δ))), with
 * q̃ the restricted estimate of P(only baseline). For non-inferiority at margin M reject Δ ≥ M when T(M) ≤ −c. 0 when the variance vanishes and so does
 * the numerator; ∓∞ when only the variance does; n = 0 gives 0.
 */
export function tangoScore(input: {
  readonly onlyCandidate: number
  readonly onlyBaseline: number
  readonly n: number
  readonly difference: number
}): number {
  const { onlyCandidate, onlyBaseline, n, difference } = input
  requireCounts({ onlyCandidate, onlyBaseline, n })
  requireWithin({ difference }, -1, 1)
  if (onlyCandidate + onlyBaseline > n)
    throw new StatsError(`${onlyCandidate} + ${onlyBaseline} discordant pairs cannot lie among ${n} pairs`)
  if (n === 0) return 0
  // Turned over for δ < 0, so that no term below is a difference of two large ones: at δ near −1 it would leave no digit of q̃.
  if (difference < 0)
    return 0 - tangoScore({ n, onlyCandidate: onlyBaseline, onlyBaseline: onlyCandidate, difference: -difference })
  const b = -onlyCandidate - onlyBaseline + (2 * n - onlyCandidate + onlyBaseline) * difference
  const c = -onlyBaseline * difference * (1 - difference)
  const root = Math.sqrt(b * b - 8 * n * c)
  const q = b > 0 ? (-2 * c) / (b + root) : (root - b) / (4 * n)
  const numerator = onlyCandidate - onlyBaseline - n * difference
  const variance = n * (2 * q + difference * (1 - difference))
  if (variance <= 0) return numerator === 0 ? 0 : Math.sign(numerator) * Number.POSITIVE_INFINITY
  return numerator / Math.sqrt(variance)
}

/** Tango's score interval for Δ at two-sided confidence: the δ with |T(δ)| ≤ z, by bisection. [−1, 1] when n = 0. */
export function tangoInterval(input: {
  readonly onlyCandidate: number
  readonly onlyBaseline: number
  readonly n: number
  readonly z: number
}): {
  readonly low: number
  readonly high: number
} {
  if (input.n === 0) return { low: -1, high: 1 }
  const estimate = (input.onlyCandidate - input.onlyBaseline) / input.n
  const at = (difference: number) => tangoScore({ ...input, difference })
  const limit = (outside: number, sign: number) => {
    let inside = estimate
    let beyond = outside
    for (let step = 0; step < 60; step += 1) {
      const middle = (inside + beyond) / 2
      if (sign * at(middle) <= input.z) inside = middle
      else beyond = middle
    }
    return (inside + beyond) / 2
  }
  return { low: limit(-1, 1), high: limit(1, -1) }
}
