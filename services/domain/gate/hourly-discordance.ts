import { changeDetector, watchedShares } from '../stats/time/change-detector.ts'
import type { OutcomePair } from './advance-amounts.ts'
import type { AdvanceTest } from './plan.ts'

/** Pairs of one hour that were bad on one side alone: under the candidate (x), under the baseline (y). Hours since the epoch; plain data. */
export interface HourCounts {
  readonly hour: number
  x: number
  y: number
}

/** What the drift watch of a question shows. */
export interface DriftView {
  readonly hours: number
  /** n₀₁ − n₁₀ of the newest hour. */
  readonly netNow: number
  /** R of the e-detector now, and where it rings: on average less than once in that many hours without a change. */
  readonly evidence: number
  readonly threshold: number
  /** Start of the hour in which it first rang, ms since the epoch. */
  readonly alarmAtMs: number | null
}

const hourMs = 3_600_000
/** Two weeks: as long as a stage may last by default. Older hours are forgotten, which only makes the detector begin anew. */
const hoursMax = 336
/** A false alarm less than once in a year of hours. */
const runLength = 8_760

/** Books one pair. Records come in the order of their release, so at most the newest hours are touched. */
export function noteHour(hours: HourCounts[], arrivedAtMs: number, baseline: number, candidate: number): void {
  const hour = Math.floor(arrivedAtMs / hourMs)
  let at = hours.length
  while (at > 0 && (hours[at - 1]?.hour ?? 0) > hour) at -= 1
  let counts = hours[at - 1]
  if (counts?.hour !== hour) {
    counts = { hour, x: 0, y: 0 }
    hours.splice(at, 0, counts)
  }
  counts.x += onOneSide(candidate, baseline)
  counts.y += onOneSide(baseline, candidate)
  while (hours.length > hoursMax) hours.shift()
}

/** Name of the hours of a question over all stages of a wave. */
export function hoursKey(wave: string, { metric, comparison }: Pick<AdvanceTest, 'metric' | 'comparison'>): string {
  return `${wave}/${metric}/${comparison}`
}

/** Puts corrected outcomes in the place of those of a pair that has been booked. Of an hour that is forgotten nothing is left to correct. */
export function correctHour(
  hours: readonly HourCounts[],
  arrivedAtMs: number,
  from: OutcomePair,
  to: OutcomePair,
): void {
  const counts = hours.find(({ hour }) => hour === Math.floor(arrivedAtMs / hourMs))
  if (counts === undefined) return
  counts.x += onOneSide(to.candidate, to.baseline) - onOneSide(from.candidate, from.baseline)
  counts.y += onOneSide(to.baseline, to.candidate) - onOneSide(from.baseline, from.candidate)
}

function onOneSide(bad: number, other: number): 0 | 1 {
  return bad === 1 && other === 0 ? 1 : 0
}

/** Has the candidate become worse at some hour? Shown, and outside the error budget: what acts is the harm test. Null before the first pair. */
export function driftOf(hours: readonly HourCounts[]): DriftView | null {
  const [first] = hours
  const last = hours.at(-1)
  if (first === undefined || last === undefined) return null
  const begin = Math.max(first.hour, last.hour - hoursMax + 1)
  const filled = Array.from({ length: last.hour - begin + 1 }, () => ({ x: 0, y: 0 }))
  for (const { hour, x, y } of hours) if (hour >= begin) filled[hour - begin] = { x, y }
  const { logLast, alarmAt } = changeDetector({
    hours: filled,
    nullShare: 0.5,
    alternatives: watchedShares,
    runLength,
  })
  return {
    hours: filled.length,
    netNow: last.x - last.y,
    evidence: Math.exp(Math.min(logLast, 700)),
    threshold: runLength,
    alarmAtMs: alarmAt === null ? null : (begin + alarmAt) * hourMs,
  }
}
