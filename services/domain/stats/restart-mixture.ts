import { logSumExp } from './log-sum.ts'

/**
 * An e-process that hears harm that starts late: E = ½E_whole + ½ Σ_j w_j E_from(s_j) with w_j = 1/(j(j+1)), where s_j are restart times fixed
 * in advance (each stage entry, each full hour) and E_from(s_j) = 1 before s_j. A mixture of e-processes is one, so α is unchanged. Without it, a
 * long clean history deafens the test.
 *
 * `Segment` is what an e-process needs to be evaluated: plain data that only grows by `add`.
 */
export interface RestartMixture<Segment> {
  readonly whole: Segment
  /** Segments since each restart so far, in order. */
  readonly restarts: Segment[]
  /** The key (stage entry, hour) that the newest segment began with. */
  key: string
}

/** At this many restarts no more are begun: their weight stays on E = 1, which keeps the mixture valid and costs at most 1/(limit + 1) of power. */
export const restartsMax = 400

export function createRestartMixture<Segment>(empty: () => Segment): RestartMixture<Segment> {
  return { whole: empty(), restarts: [], key: '' }
}

/** Adds one record to the whole and to every running segment; a new key first begins a segment. */
export function addToMixture<Segment>(
  mixture: RestartMixture<Segment>,
  key: string,
  empty: () => Segment,
  add: (segment: Segment) => void,
): void {
  if (key !== mixture.key && mixture.restarts.length < restartsMax) mixture.restarts.push(empty())
  mixture.key = key
  add(mixture.whole)
  for (const segment of mixture.restarts) add(segment)
}

/** ln E of the mixture, and the segment that contributes most to it: the stretch in which the harm is. */
export function evaluateMixture<Segment>(
  mixture: RestartMixture<Segment>,
  logE: (segment: Segment) => number,
): { readonly logE: number; readonly dominant: Segment } {
  const terms = [Math.log(0.5) + logE(mixture.whole)]
  let dominant = mixture.whole
  let largest = terms[0] ?? Number.NEGATIVE_INFINITY
  mixture.restarts.forEach((segment, index) => {
    const term = Math.log(0.5) - Math.log((index + 1) * (index + 2)) + logE(segment)
    terms.push(term)
    if (term > largest) {
      largest = term
      dominant = segment
    }
  })
  // Σ_{j > J} w_j = 1/(J + 1): the restarts still to come stand at E = 1.
  terms.push(Math.log(0.5) - Math.log(mixture.restarts.length + 1))
  return { logE: logSumExp(terms), dominant }
}
