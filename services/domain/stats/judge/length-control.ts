import { meanOf, requireFinite, varianceOf } from '../moments/sample-moments.ts'
import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

const stepsMax = 100
/** Beyond this the likelihood only grows with the coefficient: the data are separated. */
const coefficientMax = 40

interface Logistic {
  readonly intercept: number
  readonly slope: number
  readonly interceptError: number
}

/**
 * Win rate at equal length, the reduced form of AlpacaEval's length control (Dubois et al. 2024): logit P(win) = b₀ + b₁·tanh(Δlength/sd(Δlength)),
 * sd with n − 1, ties are ½; σ(b₀) and its two-sided 1 − α interval from the error of b₀ (inverse Fisher information). A diagnostic: raw and
 * controlled win rates on different sides of a margin go to a person. Lengths that never differ in their difference leave b₁ = 0. Refuses fewer than
 * two pairs and data in which length, or nothing at all, decides every win (no finite maximum of the likelihood).
 */
export function lengthControlledWinRate(input: {
  readonly wins: readonly number[]
  readonly lengthDifferences: readonly number[]
  readonly alpha: number
}): {
  readonly raw: number
  readonly intercept: number
  readonly slope: number
  readonly interceptError: number
  readonly winRate: number
  readonly interval: Interval
} {
  const { wins, lengthDifferences, alpha } = input
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  requireFinite('lengthDifferences', lengthDifferences)
  for (const win of wins) requireWithin({ win }, 0, 1)
  if (wins.length !== lengthDifferences.length)
    throw new StatsError(`${wins.length} outcomes for ${lengthDifferences.length} length differences`)
  if (wins.length < 2) throw new StatsError(`length control needs at least two pairs, got ${wins.length}`)
  const spread = Math.sqrt(varianceOf(lengthDifferences))
  const fit =
    spread > 0
      ? fitLogistic(
          wins,
          lengthDifferences.map((value) => Math.tanh(value / spread)),
        )
      : fitIntercept(wins)
  const half = -normalQuantile(alpha / 2) * fit.interceptError
  const sigmoid = (value: number) => 1 / (1 + Math.exp(-value))
  return {
    raw: meanOf(wins),
    ...fit,
    winRate: sigmoid(fit.intercept),
    interval: [sigmoid(fit.intercept - half), sigmoid(fit.intercept + half)],
  }
}

function fitIntercept(wins: readonly number[]): Logistic {
  const mean = meanOf(wins)
  if (mean <= 0 || mean >= 1) throw new StatsError('one side wins every pair: the controlled win rate has no error')
  return {
    intercept: Math.log(mean / (1 - mean)),
    slope: 0,
    interceptError: 1 / Math.sqrt(wins.length * mean * (1 - mean)),
  }
}

/** Newton-Raphson with halved steps on the concave log-likelihood of the two coefficients. */
function fitLogistic(wins: readonly number[], x: readonly number[]): Logistic {
  let intercept = 0
  let slope = 0
  let current = logLikelihood(wins, x, intercept, slope)
  for (let step = 0; step < stepsMax; step += 1) {
    const { gradient, information, determinant } = curvature(wins, x, intercept, slope)
    if (!(determinant > 0) || Math.hypot(intercept, slope) > coefficientMax) break
    const moves = [
      (information.slope * gradient.intercept - information.cross * gradient.slope) / determinant,
      (information.intercept * gradient.slope - information.cross * gradient.intercept) / determinant,
    ] as const
    let scale = 1
    let next = logLikelihood(wins, x, intercept + moves[0], slope + moves[1])
    // Near the maximum the likelihood is flat to the last digit, and rounding must not be taken for a step downhill.
    while (next < current - 1e-12 * Math.abs(current) && scale > 1e-6) {
      scale /= 2
      next = logLikelihood(wins, x, intercept + scale * moves[0], slope + scale * moves[1])
    }
    intercept += scale * moves[0]
    slope += scale * moves[1]
    current = next
    if (Math.abs(moves[0]) + Math.abs(moves[1]) < 1e-12 * (1 + Math.abs(intercept) + Math.abs(slope)))
      return { intercept, slope, interceptError: Math.sqrt(information.slope / determinant) }
  }
  throw new StatsError('length decides every win: the likelihood has no finite maximum')
}

function logLikelihood(wins: readonly number[], x: readonly number[], intercept: number, slope: number): number {
  let sum = 0
  for (const [index, win] of wins.entries()) {
    const eta = intercept + slope * (x[index] ?? 0)
    sum += win * eta - (eta > 0 ? eta + Math.log1p(Math.exp(-eta)) : Math.log1p(Math.exp(eta)))
  }
  return sum
}

function curvature(wins: readonly number[], x: readonly number[], intercept: number, slope: number) {
  const gradient = { intercept: 0, slope: 0 }
  const information = { intercept: 0, cross: 0, slope: 0 }
  for (const [index, win] of wins.entries()) {
    const at = x[index] ?? 0
    const p = 1 / (1 + Math.exp(-intercept - slope * at))
    gradient.intercept += win - p
    gradient.slope += (win - p) * at
    information.intercept += p * (1 - p)
    information.cross += p * (1 - p) * at
    information.slope += p * (1 - p) * at * at
  }
  const determinant = information.intercept * information.slope - information.cross ** 2
  return { gradient, information, determinant }
}
