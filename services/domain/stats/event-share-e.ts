import { logSumExp } from './log-sum.ts'
import { requireWithin } from './stats-error.ts'

/** Rate ratios that the alternative spreads its weight over, evenly: e^0.1 to e^3 (1.1 to 20) in equal steps of the logarithm. */
const rateRatioGrid: readonly number[] = Array.from({ length: 30 }, (_, index) => Math.exp(0.1 * (index + 1)))

/**
 * Given a unit with an event, the chance that it is the candidate's is π(q, R) = qR/(qR + 1 − q), whatever the base rate does over time.
 * A segment holds, for each R of the grid, the log-likelihood against R₀ = 1, which adds up over strata of different share q, and the sums of the
 * Mantel-Haenszel estimate of R.
 */
export interface EventShareSegment {
  readonly logRatios: number[]
  candidateEvents: number
  baselineEvents: number
  /** Σ x(1 − q) and Σ y q over strata: their quotient estimates R. */
  numerator: number
  denominator: number
}

export function emptyEventShare(): EventShareSegment {
  return { logRatios: rateRatioGrid.map(() => 0), candidateEvents: 0, baselineEvents: 0, numerator: 0, denominator: 0 }
}

/**
 * Adds one unit's event. `share` is the candidate's share q of the units in its stratum, strictly between 0 and 1. `nullRatio` R₀ makes the null R ≤ R₀:
 * π(q, R) = π(π(q, R₀), R/R₀), so the same grid stands for R₀ times as much. The estimate of R keeps the share as it is.
 */
export function addEvent(
  segment: EventShareSegment,
  event: { readonly candidate: boolean; readonly share: number; readonly nullRatio?: number },
): void {
  const q = event.share
  requireWithin({ share: q }, 1e-9, 1 - 1e-9)
  const nullRatio = event.nullRatio ?? 1
  const nullShare = (q * nullRatio) / (q * nullRatio + 1 - q)
  const increments = incrementsOf(nullShare)[event.candidate ? 'candidate' : 'baseline']
  for (let index = 0; index < increments.length; index += 1)
    segment.logRatios[index] = (segment.logRatios[index] ?? 0) + (increments[index] ?? 0)
  if (event.candidate) {
    segment.candidateEvents += 1
    segment.numerator += 1 - q
  } else {
    segment.baselineEvents += 1
    segment.denominator += q
  }
}

interface Increments {
  readonly candidate: readonly number[]
  readonly baseline: readonly number[]
}

/** What an event adds at each R depends on the share alone, and a run has few shares: the logarithms are taken once. */
const knownIncrements = new Map<number, Increments>()
const knownMax = 256

function incrementsOf(nullShare: number): Increments {
  const known = knownIncrements.get(nullShare)
  if (known !== undefined) return known
  const mixed = rateRatioGrid.map((ratio) => nullShare * ratio + 1 - nullShare)
  const increments = {
    candidate: rateRatioGrid.map((ratio, index) => Math.log(ratio / (mixed[index] ?? 1))),
    baseline: mixed.map((value) => -Math.log(value)),
  }
  if (knownIncrements.size >= knownMax) knownIncrements.clear()
  knownIncrements.set(nullShare, increments)
  return increments
}

/** ln E for H0 R ≤ 1: each likelihood ratio is a supermartingale for every R ≤ 1, because π grows with R; so is their average. */
export function logEventShareE(segment: EventShareSegment): number {
  return logSumExp(segment.logRatios) - Math.log(rateRatioGrid.length)
}

/** Mantel-Haenszel estimate of R over strata; +∞ when only the candidate had events, null when nobody had. */
export function rateRatioEstimate(segment: EventShareSegment): number | null {
  if (segment.numerator === 0 && segment.denominator === 0) return null
  return segment.denominator === 0 ? Number.POSITIVE_INFINITY : segment.numerator / segment.denominator
}
