import { logSumExp } from './log-sum.ts'

/**
 * An e-process that hears harm that starts late: E = ½E_whole + ½ Σ_j w_j E_from(s_j) with w_j = 1/(j(j+1)), where s_j are restart times that do not
 * look at the outcomes (each stage entry, each full hour) and E_from(s_j) = 1 before s_j. A mixture of e-processes is one, so α is unchanged. Without
 * it, a long clean history deafens the test.
 *
 * `Segment` is what an e-process needs to be evaluated: plain data that only grows by `add`.
 */
export interface RestartMixture<Segment> {
  whole: Segment
  /** The youngest restarts, oldest first: they still grow. `from`: records that had been added before each. */
  readonly running: { readonly position: number; readonly from: number; segment: Segment }[]
  /** Restarts so far. */
  begun: number
  /** Records added so far. */
  added: number
  /** ln Σ w_j E_j of older restarts, which have been stopped: an e-process that is stopped stays one. Null: none yet. */
  stoppedLogSum: number | null
  /** The share of it of those stopped longest ago, which stay as they are. */
  sealedLogSum: number | null
  /** The others: the records that each was made of, and its ln E. */
  readonly stopped: { readonly position: number; readonly from: number; readonly to: number; logE: number }[]
}

/** Restarts that run at a time, four days of hours: harm that takes longer than that to be seen is seen by the whole. */
export const runningMax = 96
/** Stopped restarts that can be made anew when a record is corrected: with the running ones two weeks of hours. */
const rebuiltMax = 240

export function createRestartMixture<Segment>(whole: Segment): RestartMixture<Segment> {
  return { whole, running: [], begun: 0, added: 0, stoppedLogSum: null, sealedLogSum: null, stopped: [] }
}

/** Begins a restart with the next record; the oldest is stopped where it stands when too many run. */
export function beginRestart<Segment>(
  mixture: RestartMixture<Segment>,
  segment: Segment,
  logE: (segment: Segment) => number,
): void {
  mixture.begun += 1
  mixture.running.push({ position: mixture.begun, from: mixture.added, segment })
  if (mixture.running.length <= runningMax) return
  const oldest = mixture.running.shift()
  if (oldest === undefined) return
  const { position, from } = oldest
  mixture.stopped.push({ position, from, to: mixture.added, logE: logE(oldest.segment) })
  const sealed = mixture.stopped.length > rebuiltMax ? mixture.stopped.shift() : undefined
  if (sealed !== undefined) mixture.sealedLogSum = sumOf(mixture.sealedLogSum, [sealed])
  mixture.stoppedLogSum = sumOf(mixture.sealedLogSum, mixture.stopped)
}

function sumOf(sealed: number | null, stopped: RestartMixture<unknown>['stopped']): number | null {
  const terms = stopped.map(({ position, logE }) => logWeight(position) + logE)
  if (sealed !== null) terms.push(sealed)
  return terms.length === 0 ? null : logSumExp(terms)
}

/**
 * Makes every stretch that holds the record at `index` (from 0) anew, after that record was corrected. `fold` adds the records from one index to before
 * another to a new segment. Stretches that were stopped longest ago stay as they are.
 */
export function rebuildMixture<Segment>(
  mixture: RestartMixture<Segment>,
  index: number,
  fold: (from: number, to: number) => Segment,
  logE: (segment: Segment) => number,
): void {
  mixture.whole = fold(0, mixture.added)
  for (const stretch of mixture.running) if (stretch.from <= index) stretch.segment = fold(stretch.from, mixture.added)
  for (const stretch of mixture.stopped)
    if (stretch.from <= index && index < stretch.to) stretch.logE = logE(fold(stretch.from, stretch.to))
  mixture.stoppedLogSum = sumOf(mixture.sealedLogSum, mixture.stopped)
}

/** Adds one record to the whole and to every running restart. */
export function addToMixture<Segment>(mixture: RestartMixture<Segment>, add: (segment: Segment) => void): void {
  add(mixture.whole)
  mixture.added += 1
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
