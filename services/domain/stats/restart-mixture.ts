import { logSumExp } from './log-sum.ts'

/**
 * An e-process that hears harm that starts late: E = ½E_whole + ½ Σ_j w_j E_from(s_j) with w_j = 1/(j(j+1)), where s_j are restart times that do not
 * look at the outcomes (each stage entry, each full hour) and E_from(s_j) = 1 before s_j. A mixture of e-processes is one, so α is unchanged. Without
 * it, a long clean history deafens the test.
 *
 * `Segment` is what an e-process needs to be evaluated: plain data that only grows by `add`.
 */
export interface RestartMixture<Segment> {
  readonly whole: Segment
  /** The youngest restarts, oldest first: they still grow. */
  readonly running: { readonly position: number; readonly segment: Segment }[]
  /** Restarts so far. */
  begun: number
  /** ln Σ w_j E_j of older restarts, which have been stopped: an e-process that is stopped stays one. Null: none yet. */
  stoppedLogSum: number | null
}

/** Restarts that run at a time, four days of hours: harm that takes longer than that to be seen is seen by the whole. */
export const runningMax = 96

export function createRestartMixture<Segment>(whole: Segment): RestartMixture<Segment> {
  return { whole, running: [], begun: 0, stoppedLogSum: null }
}

/** Begins a restart with the next record; the oldest is stopped where it stands when too many run. */
export function beginRestart<Segment>(
  mixture: RestartMixture<Segment>,
  segment: Segment,
  logE: (segment: Segment) => number,
): void {
  mixture.begun += 1
  mixture.running.push({ position: mixture.begun, segment })
  if (mixture.running.length <= runningMax) return
  const oldest = mixture.running.shift()
  if (oldest === undefined) return
  const stopped = logWeight(oldest.position) + logE(oldest.segment)
  mixture.stoppedLogSum = mixture.stoppedLogSum === null ? stopped : logSumExp([mixture.stoppedLogSum, stopped])
}

/** Adds one record to the whole and to every running restart. */
export function addToMixture<Segment>(mixture: RestartMixture<Segment>, add: (segment: Segment) => void): void {
  add(mixture.whole)
  for (const { segment } of mixture.running) add(segment)
}

/** ln E of the mixture, and what contributes most to it: the stretch in which the harm is. `weight` is its share of the stake, ½ or ½w_j. */
export function evaluateMixture<Segment>(
  mixture: RestartMixture<Segment>,
  logE: (segment: Segment) => number,
): { readonly logE: number; readonly dominant: Segment; readonly weight: number } {
  const half = Math.log(0.5)
  const terms = [half + logE(mixture.whole)]
  let dominant = mixture.whole
  let largest = terms[0] ?? Number.NEGATIVE_INFINITY
  let weight = 0.5
  for (const { position, segment } of mixture.running) {
    const term = half + logWeight(position) + logE(segment)
    terms.push(term)
    if (term <= largest) continue
    largest = term
    dominant = segment
    weight = 0.5 * Math.exp(logWeight(position))
  }
  // Σ_{j > J} w_j = 1/(J + 1): the restarts still to come stand at E = 1.
  terms.push(half - Math.log(mixture.begun + 1))
  if (mixture.stoppedLogSum !== null) terms.push(half + mixture.stoppedLogSum)
  return { logE: logSumExp(terms), dominant, weight }
}

function logWeight(position: number): number {
  return -Math.log(position) - Math.log(position + 1)
}
