import { requireFinite } from '../moments/sample-moments.ts'
import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/** Per unit of randomisation (session, tenant): its events or summed value, and its requests. */
export interface ClusteredArm {
  readonly events: readonly number[]
  readonly requests: readonly number[]
}

/**
 * r = ΣS/Σm with its linearised standard error √(G/(G−1) Σ(S − r m)²)/Σm (Deng, Knoblich & Lu 2018; CR1). `error` is null for one unit. Refuses an arm
 * without requests.
 */
export function clusteredRate(arm: ClusteredArm): { readonly rate: number; readonly error: number | null } {
  const { events, requests } = arm
  requireFinite('events', events)
  requireFinite('requests', requests)
  if (events.length !== requests.length)
    throw new StatsError(`${events.length} units have events and ${requests.length} have requests`)
  for (const count of requests) requireWithin({ requests: count }, 0, Number.MAX_VALUE)
  const total = requests.reduce((sum, count) => sum + count, 0)
  if (total === 0) throw new StatsError('an arm without requests has no rate')
  const rate = events.reduce((sum, value) => sum + value, 0) / total
  const squares = events.reduce((sum, value, index) => sum + (value - rate * (requests[index] ?? 0)) ** 2, 0)
  const units = events.length
  return { rate, error: units < 2 ? null : Math.sqrt((units / (units - 1)) * squares) / total }
}

/**
 * Difference and ratio of two clustered rates with two-sided 1 − α normal intervals. The ratio's interval is built on the logarithm and null unless both
 * rates are positive; everything that needs an error is null when an arm has a single unit.
 */
export function clusteredRatio(input: {
  readonly candidate: ClusteredArm
  readonly baseline: ClusteredArm
  readonly alpha: number
}): {
  readonly candidate: { readonly rate: number; readonly error: number | null }
  readonly baseline: { readonly rate: number; readonly error: number | null }
  readonly difference: number
  readonly differenceError: number | null
  readonly differenceInterval: Interval | null
  readonly logRatioError: number | null
  readonly ratioInterval: Interval | null
} {
  requireWithin({ alpha: input.alpha }, Number.MIN_VALUE, 1)
  const candidate = clusteredRate(input.candidate)
  const baseline = clusteredRate(input.baseline)
  const difference = candidate.rate - baseline.rate
  const z = -normalQuantile(input.alpha / 2)
  const known = candidate.error !== null && baseline.error !== null
  const differenceError = known ? Math.hypot(candidate.error, baseline.error) : null
  const logRatioError =
    known && candidate.rate > 0 && baseline.rate > 0
      ? Math.hypot(candidate.error / candidate.rate, baseline.error / baseline.rate)
      : null
  const ratio = candidate.rate / baseline.rate
  return {
    candidate,
    baseline,
    difference,
    differenceError,
    differenceInterval:
      differenceError === null ? null : [difference - z * differenceError, difference + z * differenceError],
    logRatioError,
    ratioInterval:
      logRatioError === null ? null : [ratio * Math.exp(-z * logRatioError), ratio * Math.exp(z * logRatioError)],
  }
}
