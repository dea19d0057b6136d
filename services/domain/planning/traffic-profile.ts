import { stageDuration } from '../stats/time/stage-duration.ts'

/** Requests of a route by hour, as a planner takes them: one day (24 values, from 00:00 UTC) or one week (168, from Monday 00:00 UTC), repeated. */
export interface TrafficProfile {
  readonly hourlyRequests: readonly number[]
  /** Units that have their first request of the period in that hour; null: each request is a unit of its own. */
  readonly hourlyUnits: readonly number[] | null
  /** Requests that the golden set knows; null: not counted. */
  readonly hourlyGolden: readonly number[] | null
  /** Requests of a segment, by `key=value`. */
  readonly segments: Readonly<Record<string, readonly number[]>>
  /** Mean over the period; null: not counted. */
  readonly tokensPerRequest: { readonly input: number; readonly output: number } | null
}

export const hourMs = 3_600_000
/** The epoch began on a Thursday: 72 hours after the Monday from which weeks are counted here. */
const epochHourOfWeek = 72
/** Beyond this many rounds of the profile a stage never ends in practice. */
const roundsMax = 1e5

/** Index into a profile of `length` hours (24 or 168), and how much of that hour is over. */
function placeOf(startMs: number, length: number): { readonly hour: number; readonly past: number } {
  const hours = startMs / hourMs
  const whole = Math.floor(hours)
  return { hour: (whole + epochHourOfWeek) % length, past: hours - whole }
}

/** Hours from `startMs` until a stream of hourly counts has brought `required`; 0 for nothing, null when it never does. */
export function hoursUntil(hourly: readonly number[], startMs: number, required: number): number | null {
  if (required <= 0) return 0
  const perPeriod = hourly.reduce((sum, count) => sum + count, 0)
  if (!(perPeriod > 0) || required / perPeriod > roundsMax) return null
  const { hour, past } = placeOf(startMs, hourly.length)
  const first = hourly[hour] ?? 0
  const rest = first * (1 - past)
  if (first > 0 && rest >= required) return required / first
  const { hours } = stageDuration({
    hourlyRequests: hourly,
    startHour: hour + 1,
    share: 1,
    usableFraction: 1,
    requiredPairs: required - rest,
    seasonalPeriodHours: hourly.length,
  })
  return 1 - past + hours
}

/** What a stream of hourly counts brings within `hours` from `startMs`. */
export function countWithin(hourly: readonly number[], startMs: number, hours: number): number {
  const perPeriod = hourly.reduce((sum, count) => sum + count, 0)
  const rounds = Math.floor(hours / hourly.length)
  const { hour, past } = placeOf(startMs, hourly.length)
  let total = rounds * perPeriod
  let left = hours - rounds * hourly.length
  let step = 1 - past
  for (let index = hour; left > 0; index += 1) {
    const taken = Math.min(step, left)
    total += (hourly[index % hourly.length] ?? 0) * taken
    left -= taken
    step = 1
  }
  return total
}

/** The profile with every count multiplied. */
export function scaledTraffic(traffic: TrafficProfile, factor: number): TrafficProfile {
  const scale = (hourly: readonly number[]) => hourly.map((count) => count * factor)
  return {
    ...traffic,
    hourlyRequests: scale(traffic.hourlyRequests),
    hourlyUnits: traffic.hourlyUnits === null ? null : scale(traffic.hourlyUnits),
    hourlyGolden: traffic.hourlyGolden === null ? null : scale(traffic.hourlyGolden),
    segments: Object.fromEntries(Object.entries(traffic.segments).map(([name, hourly]) => [name, scale(hourly)])),
  }
}
