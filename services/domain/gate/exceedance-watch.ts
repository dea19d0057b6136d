import { exceedanceBreached, type WindowCount } from '../stats/exceedance-window.ts'
import type { AnalysisPlan } from './plan.ts'

/** The candidate's requests and those over budget by sub-window, and what the last completed ones said. Plain data. */
export interface ExceedanceWatch {
  /** Sub-window (time / length), requests, requests over budget; oldest first, the last one is still open. */
  readonly counts: [number, number, number][]
  breached: boolean
}

/** At low traffic sub-windows are widened until they hold enough requests, up to this many times their length. */
const widestFactor = 64

export function createExceedanceWatch(): ExceedanceWatch {
  return { counts: [], breached: false }
}

/**
 * Notes that time has come to `arrivedAtMs`, with one request of the candidate or none. A sub-window speaks once it is over: the look falls on
 * the first record after it, whichever arm that is of.
 */
export function watchExceedance(
  watch: ExceedanceWatch,
  policy: NonNullable<AnalysisPlan['exceedance']>,
  arrivedAtMs: number,
  candidate: { readonly over: boolean } | null,
): void {
  const lengthMs = Math.max(1, Math.round(policy.windowMs / policy.subWindows))
  const index = Math.floor(arrivedAtMs / lengthMs)
  const last = watch.counts.at(-1)
  if (last === undefined || index > last[0]) {
    watch.breached = breachedBefore(watch, policy, index)
    watch.counts.push([index, 0, 0])
    while ((watch.counts[0]?.[0] ?? index) < index - policy.subWindows * widestFactor) watch.counts.shift()
  }
  const open = watch.counts.at(-1)
  if (open === undefined || candidate === null) return
  open[1] += 1
  if (candidate.over) open[2] += 1
}

/** The rule over the `subWindows` equal windows that end where sub-window `end` begins, as narrow as they can be with enough requests in all. */
function breachedBefore(watch: ExceedanceWatch, policy: NonNullable<AnalysisPlan['exceedance']>, end: number): boolean {
  for (let factor = 1; factor <= widestFactor; factor *= 2) {
    const windows = Array.from({ length: policy.subWindows }, () => ({ n: 0, over: 0 }))
    for (const [index, n, over] of watch.counts) {
      const window = windows[Math.floor((end - 1 - index) / factor)]
      if (window === undefined) continue
      window.n += n
      window.over += over
    }
    if (total(windows) >= policy.countMin) return exceedanceBreached(windows, policy)
  }
  return false
}

function total(windows: readonly WindowCount[]): number {
  return windows.reduce((sum, { n }) => sum + n, 0)
}
