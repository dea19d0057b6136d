import { StatsError } from '../stats-error.ts'
import { deviance, differenceFromProduct } from './deviance.ts'
import { logGamma, stirlingCorrection, stirlingFrom } from './gamma.ts'

const halfLogTwoPi = 0.9189385332046728
const fractionStepsMax = 1_000_000
/** The fraction takes about √(a + b) steps. */
const parametersMax = 1e11
const tiny = 1e-300
const converged = 2.3e-16

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

/**
 * ln of xᵃ yᵇ / B(a, b) with y = 1 − x given apart. Where both a and b are large it is written as a deviance from the mean a/(a+b) (Loader 2000): the
 * three large terms of the plain formula would leave nine digits at ten million trials. The smaller of x and y is taken as exact.
 */
export function logBetaFront(x: number, y: number, a: number, b: number): number {
  if (Math.min(a, b) < stirlingFrom) {
    const logX = x <= y ? Math.log(x) : Math.log1p(-y)
    const logY = y < x ? Math.log(y) : Math.log1p(-x)
    return a * logX + b * logY - logBeta(a, b)
  }
  const n = a + b
  const difference = distanceBelowMean(x, y, a, b)
  const correction = stirlingCorrection(a) + stirlingCorrection(b) - stirlingCorrection(n)
  return (
    0.5 * (Math.log(a / n) + Math.log(b)) -
    halfLogTwoPi -
    correction -
    deviance(a, n * x, difference) -
    deviance(b, n * y, -difference)
  )
}

/** a − (a + b)x, exact to the last digit also near the mean a/(a + b); the smaller of x and y = 1 − x is taken as exact. */
function distanceBelowMean(x: number, y: number, a: number, b: number): number {
  return x <= y ? differenceFromProduct(a, a + b, x) : -differenceFromProduct(b, a + b, y)
}

/**
 * Denominator of the incomplete beta function, I_x(a, b) = xᵃyᵇ/B(a, b) / this, for x below about the mean: the even part of the continued fraction
 * of Didonato & Morris 1992 (ACM TOMS 18:360), whose terms are all positive there, by the modified Lentz method. Written with the distance from the
 * mean, since 1 − (a+b)x/(a+1) as it stands would lose eight digits when a is large and b small.
 */
function betaDenominator(x: number, y: number, a: number, b: number): number {
  const distance = distanceBelowMean(x, y, a, b)
  const partOf = (m: number) =>
    m + (m * (b - m) * x) / (a + 2 * m - 1) + ((a + m) * (distance + 1 + m * (1 + y))) / (a + 2 * m + 1)
  let value = (a * (distance + 1)) / (a + 1)
  if (value === 0) value = tiny
  let c = value
  let d = 0
  for (let m = 1; m <= fractionStepsMax; m += 1) {
    const part = partOf(m)
    const scale = a + 2 * m - 1
    const factor = ((a + m - 1) / scale) * ((a + b + m - 1) / scale) * (m * (b - m)) * x * x
    d = part + factor * d
    d = 1 / (Math.abs(d) < tiny ? tiny : d)
    c = part + factor / c
    if (Math.abs(c) < tiny) c = tiny
    const step = c * d
    value *= step
    if (Math.abs(step - 1) < converged) return value
  }
  throw new StatsError(`incomplete beta did not converge at x=${x}, a=${a}, b=${b}`)
}

/**
 * ln I_x(a, b), the log of the regularised incomplete beta function, for x in [0, 1] with `y` = 1 − x given apart so that nothing is lost
 * near 1. −∞ at x = 0 and 0 at x = 1. Small tails are computed directly, never as one minus the other.
 */
export function logRegularizedBeta(x: number, y: number, a: number, b: number): number {
  if (!(x >= 0 && y >= 0 && a > 0 && b > 0 && a + b <= parametersMax))
    throw new StatsError(`incomplete beta needs x, y ≥ 0 and 0 < a, b ≤ ${parametersMax}, got ${x}, ${y}, ${a}, ${b}`)
  if (x === 0) return Number.NEGATIVE_INFINITY
  if (y === 0) return 0
  const front = logBetaFront(x, y, a, b)
  if (x < (a + 1) / (a + b + 2)) return front - Math.log(betaDenominator(x, y, a, b))
  const other = Math.exp(front - Math.log(betaDenominator(y, x, b, a)))
  return Math.log1p(-Math.min(other, 1))
}
