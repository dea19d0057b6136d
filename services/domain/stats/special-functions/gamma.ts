import { StatsError } from '../stats-error.ts'
import { deviance } from './deviance.ts'

const halfLogTwoPi = 0.9189385332046728
/** Below this ln Γ is shifted up, to where Stirling's series is exact to the last digit. */
export const stirlingFrom = 10
const stepsMax = 1_000_000
const tiny = 1e-300
const converged = 2.3e-16

/** Stirling's correction ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π) for x ≥ 10: Bernoulli series, relative error below 1e-16 (NIST DLMF 5.11.1). */
export function stirlingCorrection(x: number): number {
  const inverse = 1 / x
  const square = inverse * inverse
  return (
    inverse *
    (1 / 12 +
      square *
        (-1 / 360 +
          square *
            (1 / 1260 + square * (-1 / 1680 + square * (1 / 1188 + square * (-691 / 360_360 + square * (1 / 156)))))))
  )
}

/** ln Γ(x) for x > 0. */
export function logGamma(x: number): number {
  if (!(x > 0)) throw new StatsError(`logGamma needs x > 0, got ${x}`)
  let shifted = x
  let product = 1
  while (shifted < stirlingFrom) {
    product *= shifted
    shifted += 1
  }
  return (shifted - 0.5) * Math.log(shifted) - shifted + halfLogTwoPi + stirlingCorrection(shifted) - Math.log(product)
}

/** ln of xᵃ e⁻ˣ / Γ(a), which stands before series and fraction. */
function logFront(a: number, x: number): number {
  if (a < stirlingFrom) return a * Math.log(x) - x - logGamma(a)
  return 0.5 * Math.log(a) - halfLogTwoPi - stirlingCorrection(a) - deviance(a, x, a - x)
}

/** Σ xⁿ / ((a+1)…(a+n)): P(a, x) = front / a times this (NIST DLMF 8.7.1). */
function lowerSeries(a: number, x: number): number {
  let term = 1
  let sum = 1
  for (let n = 1; n <= stepsMax; n += 1) {
    term *= x / (a + n)
    sum += term
    if (term < sum * 1e-17) return sum
  }
  throw new StatsError(`incomplete gamma did not converge at a=${a}, x=${x}`)
}

/** Continued fraction of Γ(a, x) by the modified Lentz method (NIST DLMF 8.9.2). */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a
  let c = 1 / tiny
  let d = 1 / b
  let value = d
  for (let n = 1; n <= stepsMax; n += 1) {
    const factor = n * (a - n)
    b += 2
    d = factor * d + b
    d = 1 / (Math.abs(d) < tiny ? tiny : d)
    c = b + factor / c
    if (Math.abs(c) < tiny) c = tiny
    const step = d * c
    value *= step
    if (Math.abs(step - 1) < converged) return value
  }
  throw new StatsError(`incomplete gamma did not converge at a=${a}, x=${x}`)
}

/**
 * ln Q(a, x), the log of the regularised upper incomplete gamma function, for a > 0 and x ≥ 0: 0 at x = 0. Small tails are computed directly, so
 * they keep their digits far below the smallest double.
 */
export function logUpperGamma(a: number, x: number): number {
  if (!(a > 0 && x >= 0)) throw new StatsError(`incomplete gamma needs a > 0 and x ≥ 0, got ${a}, ${x}`)
  if (x === 0) return 0
  if (x === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY
  if (x >= a + 1) return logFront(a, x) + Math.log(upperFraction(a, x))
  return Math.log1p(-Math.min(1, Math.exp(logFront(a, x) - Math.log(a) + Math.log(lowerSeries(a, x)))))
}
