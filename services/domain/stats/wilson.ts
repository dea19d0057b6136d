import { normalQuantile } from './special-functions/normal.ts'
import { requireCounts, requireWithin, StatsError } from './stats-error.ts'

/** Upper limit of Wilson's one-sided score interval for a proportion (Wilson 1927, JASA 22:209); 1 when n = 0. */
export function wilsonUpper(input: {
  readonly events: number
  readonly n: number
  readonly confidence: number
}): number {
  const { events, n, confidence } = input
  requireCounts({ events, n })
  requireWithin({ confidence }, 0.5, 1 - 1e-15)
  if (events > n) throw new StatsError(`${events} events cannot lie among ${n}`)
  if (n === 0) return 1
  const z = normalQuantile(confidence)
  const p = events / n
  const centre = p + (z * z) / (2 * n)
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))
  return Math.min(1, (centre + half) / (1 + (z * z) / n))
}
