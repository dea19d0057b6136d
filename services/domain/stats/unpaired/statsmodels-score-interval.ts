import type { Interval } from '../paired/paired-interval.ts'
import { requireArms, type TwoArms } from './restricted-rates.ts'

/**
 * The score interval for a difference of rates as statsmodels 0.13.5 prints it, for comparison with tables made by it, never for a decision: the
 * linear coefficient of its cubic for the restricted rate has x₀δ where the likelihood has n₀δ (compare `baselineRateAtDifference`), and the variance
 * carries Miettinen & Nurminen's N/(N − 1) whether asked for or not. Limits differ from Mee's in the third digit. [−1, 1] for an empty arm, null
 * where its variance is negative before the limit is reached.
 */
export function statsmodelsScoreInterval(arms: TwoArms, z: number): Interval | null {
  requireArms(arms)
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  if (n1 === 0 || n0 === 0) return [-1, 1]
  const p1 = x1 / n1
  const p0 = x0 / n0
  const half = z * Math.sqrt((p1 * (1 - p1)) / n1 + (p0 * (1 - p0)) / n0)
  const estimate = p1 - p0
  const widened = (limit: number, share: number) => limit + Math.sign(limit - estimate) * Math.abs(limit) * share
  const low = crossing(arms, z, estimate, widened(estimate - half, 0.25))
  const high = crossing(arms, -z, estimate, Math.min(widened(estimate + half, 0.5), 0.99999))
  return low === null || high === null ? null : [low, high]
}

function score(arms: TwoArms, delta: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const n = n1 + n0
  const baseline = delta === 0 ? (x1 + x0) / n : restrictedRate(arms, delta)
  const candidate = baseline + delta
  const variance = (candidate * (1 - candidate)) / n1 + (baseline * (1 - baseline)) / n0
  return (x1 / n1 - x0 / n0 - delta) / Math.sqrt((variance * n) / (n - 1))
}

function restrictedRate(arms: TwoArms, delta: number): number {
  const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } = arms
  const n = n1 + n0
  const events = x1 + x0
  const second = ((n1 + 2 * n0) * delta - n - events) / (3 * n)
  const first = ((x0 * delta - n - 2 * x0) * delta + events) / n
  const constant = (x0 * delta * (1 - delta)) / n
  const q = second ** 3 - (first * second) / 2 + constant / 2
  const p = Math.sign(q) * Math.sqrt(second * second - first / 3)
  return 2 * p * Math.cos((Math.PI + Math.acos(q / p ** 3)) / 3) - second
}

/** Where the score passes `level` between the estimate and `outside`; null where it is no number or does not pass. */
function crossing(arms: TwoArms, level: number, estimate: number, outside: number): number | null {
  const beyond = (delta: number) => (level > 0 ? score(arms, delta) >= level : score(arms, delta) <= level)
  if (!beyond(outside)) return null
  let inner = estimate
  let outer = outside
  for (let step = 0; step < 200; step += 1) {
    const middle = (inner + outer) / 2
    if (middle === inner || middle === outer) break
    if (beyond(middle)) outer = middle
    else inner = middle
  }
  return (inner + outer) / 2
}
