import { requireWithin, StatsError } from '../stats-error.ts'

/** Predictable bets √(2 ln(1/level)/(σ̂²_{i−1} i ln(1+i))) of the empirical-Bernstein kind: prior mean ½ and variance ¼ as one fake observation. */
function predictableBets(x: readonly number[], level: number): readonly number[] {
  let sum = 0.5
  let squares = 0.25
  let variance = 0.25
  return x.map((value, index) => {
    const i = index + 1
    const bet = Math.sqrt((-2 * Math.log(level)) / (i * Math.log1p(i) * variance))
    sum += value
    squares += (value - sum / (i + 1)) ** 2
    variance = squares / (i + 1)
    return bet
  })
}

/**
 * Hedged capital against H0: mean = m for outcomes in [0, 1] (Waudby-Smith & Ramdas 2024, JRSS-B 86:1): K± = Π(1 ± λ_i^±(x_i − m)) with predictable bets
 * truncated to c/m and c/(1−m), hedged = max(θK⁺, (1−θ)K⁻), an e-value; logarithms of all three. With it the empirical-Bernstein confidence sequence of
 * the mean at two-sided α (bets truncated at ½; it may stick out of [0, 1] early). Map a difference d in [−1, 1] by (d + 1)/2. No outcome:
 * K = 1, interval (−∞, ∞).
 */
export function hedgedBetting(input: {
  readonly x: readonly number[]
  readonly mean: number
  readonly alpha: number
  readonly theta: number
  readonly truncation: number
}): {
  readonly logPositive: number
  readonly logNegative: number
  readonly logHedged: number
  readonly interval: readonly [number, number]
} {
  const { x, mean, alpha, theta, truncation } = input
  requireWithin({ mean, theta }, 0, 1)
  requireWithin({ alpha }, Number.MIN_VALUE, 1 - Number.EPSILON / 2)
  requireWithin({ truncation }, Number.MIN_VALUE, 1)
  for (const [index, value] of x.entries())
    if (!(value >= 0 && value <= 1)) throw new StatsError(`x[${index}] must lie in [0, 1], got ${value}`)
  const bets = predictableBets(x, alpha / 2)
  let logPositive = 0
  let logNegative = 0
  for (const [index, value] of x.entries()) {
    const bet = bets[index] ?? 0
    logPositive += Math.log1p(Math.min(bet, truncation / mean) * (value - mean))
    logNegative += Math.log1p(-Math.min(bet, truncation / (1 - mean)) * (value - mean))
  }
  return {
    logPositive,
    logNegative,
    logHedged: Math.max(Math.log(theta) + logPositive, Math.log1p(-theta) + logNegative),
    interval: [
      empiricalBernsteinLower(x, alpha / 2),
      1 -
        empiricalBernsteinLower(
          x.map((value) => 1 - value),
          alpha / 2,
        ),
    ],
  }
}

/** (Σλx − ln(1/α) − Σ(x_i − μ̂_{i−1})²ψ(λ_i))/Σλ with ψ(λ) = −ln(1−λ) − λ and μ̂₀ = 0. */
function empiricalBernsteinLower(x: readonly number[], alpha: number): number {
  const bets = predictableBets(x, alpha)
  let total = 0
  let weighted = 0
  let penalty = -Math.log(alpha)
  let before = 0
  let sum = 0
  for (const [index, value] of x.entries()) {
    const bet = Math.min(bets[index] ?? 0, 0.5)
    total += bet
    weighted += bet * value
    penalty += (value - before) ** 2 * (-Math.log1p(-bet) - bet)
    sum += value
    before = sum / (index + 1)
  }
  return total === 0 ? Number.NEGATIVE_INFINITY : (weighted - penalty) / total
}
