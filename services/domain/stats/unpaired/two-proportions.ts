import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin } from '../stats-error.ts'
import { wilsonInterval } from './proportion-interval.ts'
import { baselineRateAtDifference, baselineRateAtRatio, requireArms, type TwoArms } from './restricted-rates.ts'

const nothing: Interval = [-1, 1]
const anyRatio: Interval = [0, Number.POSITIVE_INFINITY]

/**
 * Two-sided 1 − α intervals for the rate ratio and the rate difference (candidate − baseline) of two independent arms at a planned look. Ratio: Katz
 * et al. 1978 (log, fallback) and Koopman's score (1984). Difference: Newcombe 1998 (Stat. Med. 17:873, hybrid of Wilson limits), Agresti & Caffo
 * 2000 (may leave ±1) and Mee's score (1984). An empty arm says nothing: estimates null, difference [−1, 1], ratio [0, ∞]. Zero cells: the ratio is
 * 0, ∞ or (both zero) null, Katz's interval is [0, ∞], the score intervals stay informative.
 */
export function twoProportions(
  arms: TwoArms,
  alpha: number,
): {
  readonly ratio: number | null
  readonly ratioKatz: Interval
  readonly ratioScore: Interval
  readonly differenceNewcombe: Interval
  readonly differenceAgrestiCaffo: Interval
  readonly differenceScore: Interval
} {
  requireArms(arms)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  if (n1 === 0 || n0 === 0)
    return {
      ratio: null,
      ratioKatz: anyRatio,
      ratioScore: anyRatio,
      differenceNewcombe: nothing,
      differenceAgrestiCaffo: nothing,
      differenceScore: nothing,
    }
  const z = -normalQuantile(alpha / 2)
  return {
    ratio: x0 === 0 ? (x1 === 0 ? null : Number.POSITIVE_INFINITY) : (x1 / n1 / x0) * n0,
    ratioKatz: katzInterval(arms, z),
    ratioScore: koopmanInterval(arms, z),
    differenceNewcombe: newcombeInterval(arms, alpha),
    differenceAgrestiCaffo: agrestiCaffoInterval(arms, z),
    differenceScore: differenceScoreInterval(arms, z),
  }
}

function katzInterval(arms: TwoArms, z: number): Interval {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  if (x1 === 0 || x0 === 0) return anyRatio
  const ratio = (x1 / n1 / x0) * n0
  const error = Math.sqrt((n1 - x1) / n1 / x1 + (n0 - x0) / n0 / x0)
  return [ratio * Math.exp(-z * error), ratio * Math.exp(z * error)]
}

/** Score statistic (signed) of ratio θ: (p̂₁ − θ p̂₀) / √(p̃₁(1−p̃₁)/n₁ + θ² p̃₀(1−p̃₀)/n₀). */
function ratioScore(arms: TwoArms, theta: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const p0 = baselineRateAtRatio(arms, theta)
  const p1 = Math.min(1, theta * p0)
  const variance = (p1 * (1 - p1)) / n1 + (theta * theta * (p0 * (1 - p0))) / n0
  return standardised(x1 / n1 - (theta * x0) / n0, variance)
}

/** The score falls as θ grows; e^60 is beyond any ratio that ten million units can tell from ∞. */
const farLogRatio = 60

function koopmanInterval(arms: TwoArms, z: number): Interval {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const estimate = Math.log((x1 / n1) * (n0 / x0))
  const at = (logTheta: number) => ratioScore(arms, Math.exp(logTheta))
  const low = x1 === 0 ? 0 : Math.exp(crossing(at, z, -farLogRatio, Math.min(estimate, farLogRatio)))
  const high =
    x0 === 0 ? Number.POSITIVE_INFINITY : Math.exp(crossing(at, -z, Math.max(estimate, -farLogRatio), farLogRatio))
  return [low, high]
}

function newcombeInterval(arms: TwoArms, alpha: number): Interval {
  const [l1, u1] = wilsonInterval({ events: arms.candidateEvents, n: arms.candidateUnits, alpha })
  const [l0, u0] = wilsonInterval({ events: arms.baselineEvents, n: arms.baselineUnits, alpha })
  const p1 = arms.candidateEvents / arms.candidateUnits
  const p0 = arms.baselineEvents / arms.baselineUnits
  return [p1 - p0 - Math.hypot(p1 - l1, u0 - p0), p1 - p0 + Math.hypot(u1 - p1, p0 - l0)]
}

function agrestiCaffoInterval(arms: TwoArms, z: number): Interval {
  const n1 = arms.candidateUnits + 2
  const n0 = arms.baselineUnits + 2
  const p1 = (arms.candidateEvents + 1) / n1
  const p0 = (arms.baselineEvents + 1) / n0
  const half = z * Math.sqrt((p1 * (1 - p1)) / n1 + (p0 * (1 - p0)) / n0)
  return [p1 - p0 - half, p1 - p0 + half]
}

/** Score statistic of difference δ without the n/(n − 1) factor of Miettinen & Nurminen. */
function differenceScore(arms: TwoArms, delta: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const p0 = baselineRateAtDifference(arms, delta)
  const p1 = Math.min(1, Math.max(0, p0 + delta))
  return standardised(x1 / n1 - x0 / n0 - delta, (p1 * (1 - p1)) / n1 + (p0 * (1 - p0)) / n0)
}

/** Differences that the score test does not reject at ±z (Mee 1984); both arms must have units. */
export function differenceScoreInterval(arms: TwoArms, z: number): Interval {
  const estimate = arms.candidateEvents / arms.candidateUnits - arms.baselineEvents / arms.baselineUnits
  const at = (delta: number) => differenceScore(arms, delta)
  return [crossing(at, z, -1, estimate), crossing(at, -z, estimate, 1)]
}

function standardised(numerator: number, variance: number): number {
  if (variance > 0) return numerator / Math.sqrt(variance)
  return numerator === 0 ? 0 : Math.sign(numerator) * Number.POSITIVE_INFINITY
}

/** Where the falling function `at` passes `level` between low and high, by bisection to the last digit. */
function crossing(at: (x: number) => number, level: number, low: number, high: number): number {
  let below = low
  let above = high
  for (let step = 0; step < 200; step += 1) {
    const middle = (below + above) / 2
    if (middle <= below || middle >= above) break
    if (at(middle) > level) below = middle
    else above = middle
  }
  return (below + above) / 2
}
