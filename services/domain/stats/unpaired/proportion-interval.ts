import { betaPoint } from '../special-functions/beta-quantile.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

interface Proportion {
  readonly events: number
  readonly n: number
  readonly alpha: number
}

type Interval = readonly [low: number, high: number]

function requireProportion({ events, n, alpha }: Proportion): void {
  requireCounts({ events, n })
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  if (events > n) throw new StatsError(`${events} events cannot lie among ${n}`)
}

/** Wilson's two-sided score interval for a proportion (Wilson 1927, JASA 22:209); [0, 1] when n = 0. */
export function wilsonInterval(input: Proportion): Interval {
  requireProportion(input)
  const { events, n, alpha } = input
  if (n === 0) return [0, 1]
  const z = -normalQuantile(alpha / 2)
  const square = z * z
  const centre = events + square / 2
  const half = z * Math.sqrt(events * ((n - events) / n) + square / 4)
  // The lower root from the product of both, events²/(n(n + z²)): the difference centre − half would lose its digits at rare events.
  const high = events === n ? 1 : Math.min(1, (centre + half) / (n + square))
  return [((events / n) * events) / (centre + half), high]
}

/**
 * Clopper & Pearson's exact interval (Biometrika 26, 1934) by beta quantiles: at least 1 − α coverage for every rate; lower limit 0 at no event,
 * upper limit 1 at all. `upperOneSided` is the one-sided upper limit at level α (0 of 299: .00997 at 5 %). [0, 1] when n = 0.
 */
export function clopperPearson(input: Proportion): { readonly interval: Interval; readonly upperOneSided: number } {
  requireProportion(input)
  const { events, n, alpha } = input
  const upperLimit = (tail: number) =>
    events === n ? 1 : betaPoint({ lower: 1 - tail, upper: tail, a: events + 1, b: n - events }).x
  const low = events === 0 ? 0 : betaPoint({ lower: alpha / 2, upper: 1 - alpha / 2, a: events, b: n - events + 1 }).x
  return { interval: [low, upperLimit(alpha / 2)], upperOneSided: upperLimit(alpha) }
}

/** Jeffreys' interval, quantiles of Beta(x + ½, n − x + ½), with limit 0 at no event and 1 at all (Brown, Cai & DasGupta 2001). */
export function jeffreysInterval(input: Proportion): Interval {
  requireProportion(input)
  const { events, n, alpha } = input
  const shape = { a: events + 0.5, b: n - events + 0.5 }
  return [
    events === 0 ? 0 : betaPoint({ lower: alpha / 2, upper: 1 - alpha / 2, ...shape }).x,
    events === n ? 1 : betaPoint({ lower: 1 - alpha / 2, upper: alpha / 2, ...shape }).x,
  ]
}
