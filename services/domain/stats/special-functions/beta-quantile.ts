import { requireWithin, StatsError } from '../stats-error.ts'
import { logBeta, logBetaFront, logRegularizedBeta } from './beta.ts'

/** Beyond this |logit| the smaller of x and y is negligible beside 1, and the tail is its leading power alone. */
const farLogit = 690
const stepsMax = 400

/** A point of (0, 1) by its logit ln(x / y), which keeps every digit at both ends, with x and y = 1 − x. */
export interface UnitPoint {
  readonly logit: number
  readonly x: number
  readonly y: number
}

function pointAt(logit: number): UnitPoint {
  return { logit, x: 1 / (1 + Math.exp(-logit)), y: 1 / (1 + Math.exp(logit)) }
}

/** ln I_x(a, b) at x given by its logit: also where x is below the smallest double, as in the far tail of a t distribution with one degree. */
export function logRegularizedBetaAt(logit: number, a: number, b: number): number {
  if (logit < -farLogit) return Math.min(0, a * logit - Math.log(a) - logBeta(a, b))
  if (logit > farLogit) return Math.log1p(-Math.min(1, Math.exp(-b * logit - Math.log(b) - logBeta(a, b))))
  const { x, y } = pointAt(logit)
  return logRegularizedBeta(x, y, a, b)
}

function logFrontAt(logit: number, a: number, b: number): number {
  if (logit < -farLogit) return a * logit - logBeta(a, b)
  if (logit > farLogit) return -b * logit - logBeta(a, b)
  const { x, y } = pointAt(logit)
  return logBetaFront(x, y, a, b)
}

/**
 * The point x with I_x(a, b) = lower, where lower + upper = 1 are given apart: the smaller of the two is inverted, in its logarithm, by Newton's
 * method on the logit, kept between brackets. x = 0 for lower = 0 and x = 1 for upper = 0.
 */
export function betaPoint(input: {
  readonly lower: number
  readonly upper: number
  readonly a: number
  readonly b: number
}): UnitPoint {
  const { lower, upper, a, b } = input
  requireWithin({ lower, upper }, 0, 1)
  requireWithin({ a, b }, 1e-10, 1e11)
  if (lower === 0) return { logit: Number.NEGATIVE_INFINITY, x: 0, y: 1 }
  if (upper === 0) return { logit: Number.POSITIVE_INFINITY, x: 1, y: 0 }
  if (lower <= upper) return pointAt(logitOfLogTail(Math.log(lower), a, b))
  const mirrored = pointAt(logitOfLogTail(Math.log(upper), b, a))
  return { logit: -mirrored.logit, x: mirrored.y, y: mirrored.x }
}

function logitOfLogTail(target: number, a: number, b: number): number {
  let low = Number.NEGATIVE_INFINITY
  let high = Number.POSITIVE_INFINITY
  let logit = Math.log(a) - Math.log(b)
  let previous = Number.POSITIVE_INFINITY
  for (let step = 0; step < stepsMax; step += 1) {
    const tail = logRegularizedBetaAt(logit, a, b)
    if (tail < target) low = logit
    else high = logit
    const newton = (target - tail) / Math.exp(logFrontAt(logit, a, b) - tail)
    const move = nextMove(logit, newton, low, high)
    const size = Math.abs(move)
    if (size <= 2e-16 * Math.abs(logit) || size < 1e-300 || (size < 1e-10 && size >= previous)) return logit + move
    previous = size
    logit += move
  }
  throw new StatsError(`beta quantile did not converge at log tail ${target}, a=${a}, b=${b}`)
}

/** Newton's step where it stays inside the brackets, else to their middle, or outwards while one of them is open. */
function nextMove(logit: number, newton: number, low: number, high: number): number {
  if (logit + newton > low && logit + newton < high) return newton
  if (low === Number.NEGATIVE_INFINITY) return -1 - Math.abs(logit)
  if (high === Number.POSITIVE_INFINITY) return 1 + Math.abs(logit)
  return (low + high) / 2 - logit
}

/** The x with P(X ≤ x) = p for X ~ Beta(a, b). @param p in [0, 1]; 0 at p = 0, 1 at p = 1 */
export function betaQuantile(p: number, a: number, b: number): number {
  requireWithin({ p }, 0, 1)
  return betaPoint({ lower: p, upper: 1 - p, a, b }).x
}
