import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

const halfLogTwoPi = 0.9189385332046728

/** ln Γ(x + n) − ln Γ(x) is shifted away below this, where Stirling's series is exact to the last digit. */
const stirlingFrom = 10

/** Stirling's correction ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π) for x ≥ 10: Bernoulli series, relative error below 1e-16. */
function stirlingCorrection(x: number): number {
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

/** ln B(a, b) for a, b > 0, without the cancellation that three large log-gammas would bring. */
export function logBeta(a: number, b: number): number {
  if (!(a > 0 && b > 0)) throw new StatsError(`logBeta needs a, b > 0, got ${a}, ${b}`)
  const small = Math.min(a, b)
  const large = Math.max(a, b)
  if (small >= stirlingFrom) {
    const correction = stirlingCorrection(small) + stirlingCorrection(large) - stirlingCorrection(small + large)
    const ratio = small / large
    return (
      -0.5 * Math.log(large) +
      halfLogTwoPi +
      correction +
      (small - 0.5) * Math.log(ratio / (1 + ratio)) -
      large * Math.log1p(ratio)
    )
  }
  if (large >= stirlingFrom) {
    const correction = stirlingCorrection(large) - stirlingCorrection(small + large)
    return (
      logGamma(small) +
      correction +
      small -
      small * Math.log(small + large) +
      (large - 0.5) * Math.log1p(-small / (small + large))
    )
  }
  return logGamma(small) + logGamma(large) - logGamma(small + large)
}

const fractionStepsMax = 20_000
const tiny = 1e-300

/** Continued fraction of the incomplete beta function by the modified Lentz method (Didonato & Morris 1992; NIST DLMF 8.17.22). */
function betaFraction(x: number, a: number, b: number): number {
  let c = 1
  let d = 1 - ((a + b) * x) / (a + 1)
  d = 1 / (Math.abs(d) < tiny ? tiny : d)
  let value = d
  for (let m = 1; m <= fractionStepsMax; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 + even * d
    d = 1 / (Math.abs(d) < tiny ? tiny : d)
    c = 1 + even / c
    if (Math.abs(c) < tiny) c = tiny
    value *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 + odd * d
    d = 1 / (Math.abs(d) < tiny ? tiny : d)
    c = 1 + odd / c
    if (Math.abs(c) < tiny) c = tiny
    const step = d * c
    value *= step
    if (Math.abs(step - 1) < 1e-16) return value
  }
  throw new StatsError(`incomplete beta did not converge at x=${x}, a=${a}, b=${b}`)
}

/**
 * ln I_x(a, b), the log of the regularised incomplete beta function, for x in [0, 1] with `y` = 1 − x given apart so that nothing is lost
 * near 1. −∞ at x = 0 and 0 at x = 1. Small tails are computed directly, never as one minus the other.
 */
export function logRegularizedBeta(x: number, y: number, a: number, b: number): number {
  if (!(x >= 0 && y >= 0 && a > 0 && b > 0))
    throw new StatsError(`incomplete beta needs x, y ≥ 0 and a, b > 0, got ${x}, ${y}, ${a}, ${b}`)
  if (x === 0) return Number.NEGATIVE_INFINITY
  if (y === 0) return 0
  const front = a * Math.log(x) + b * Math.log(y) - logBeta(a, b)
  if (x < (a + 1) / (a + b + 2)) return front - Math.log(a) + Math.log(betaFraction(x, a, b))
  const other = Math.exp(front - Math.log(b) + Math.log(betaFraction(y, b, a)))
  return Math.log1p(-Math.min(other, 1))
}

/** P(X ≥ k) for X ~ Bin(n, p), directly. */
export function binomialSfGe(k: number, n: number, p: number): number {
  requireCounts({ n })
  requireWithin({ p }, 0, 1)
  if (!Number.isSafeInteger(k)) throw new StatsError(`k must be a whole number, got ${k}`)
  if (k <= 0) return 1
  if (k > n) return 0
  return Math.exp(logRegularizedBeta(p, 1 - p, k, n - k + 1))
}
