import { logBetaEvidence } from '../beta-binomial-e.ts'
import { requireFinite } from '../moments/sample-moments.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'
import { type Tuning, tunedBetaPrior } from './bernoulli-sequence.ts'
import { rootOf } from './monotone-root.ts'
import { anytimeP } from './two-sided-mixture.ts'

function requireQuantile(quantile: number, tuning: Tuning): void {
  requireWithin({ quantile }, 1e-12, 1 - 1e-12)
  requireWithin({ tunedAlpha: tuning.tunedAlpha }, Number.MIN_VALUE, 1 - Number.EPSILON)
  requireWithin({ tunedFor: tuning.tunedFor }, 1e-9, 1e15)
}

/** ln E that a Bernoulli(share) count of t trials lies `excess` above t·share (two-sided mixture; counts need not be whole). */
function countEvidence(t: number, share: number, excess: number, tuning: Tuning): number {
  const others = Math.max(0, t * (1 - share) - excess)
  return logBetaEvidence({ events: t - others, others, nullShare: share, ...tunedBetaPrior(share, tuning) })
}

/**
 * Confidence sequence for a fixed quantile on ranks (Howard & Ramdas 2022, Bernoulli 28:1704): the number of the t values at or below the true
 * p-quantile is binomial, and leaves [tp − down, tp + up] ever with probability ≤ α. Interval [X_(lowerRank), X_(upperRank)], ranks from 1, lowerRank
 * = ⌊tp − down⌋ + 1, upperRank = ⌈tp + up⌉. Where t values cannot exclude a side at all, `down` or `up` is all there is (tp, t(1 − p)) and the rank 0
 * (−∞) or t + 1 (+∞).
 */
export function quantileSequence(
  input: { readonly t: number; readonly quantile: number; readonly alpha: number } & Tuning,
): { readonly up: number; readonly down: number; readonly lowerRank: number; readonly upperRank: number } {
  const { t, quantile, alpha } = input
  requireCounts({ t })
  requireQuantile(quantile, input)
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const bound = (share: number) => {
    const most = t * (1 - share)
    const at = (excess: number) => countEvidence(t, share, excess, input)
    const reached = at(most) >= -Math.log(alpha)
    return { excess: reached ? rootOf(at, -Math.log(alpha), most, 0) : most, reached }
  }
  const up = bound(quantile)
  const down = bound(1 - quantile)
  return {
    up: up.excess,
    down: down.excess,
    lowerRank: down.reached ? Math.floor(t * quantile - down.excess) + 1 : 0,
    upperRank: up.reached ? Math.min(t + 1, Math.ceil(t * quantile + up.excess)) : t + 1,
  }
}

/**
 * Anytime-valid p-value of "both arms have the same p-quantile" (Howard & Ramdas 2022, theorem 5): 1/E with ln E the smallest, over a common value x,
 * of the sum of both arms' log-mixtures at their counts below x. At a value that occurs several times the count may be anything between "below" and
 * "at or below". An arm without values is refused.
 */
export function quantileComparison(
  input: { readonly a: readonly number[]; readonly b: readonly number[]; readonly quantile: number } & Tuning,
): number {
  requireQuantile(input.quantile, input)
  requireFinite('a', input.a)
  requireFinite('b', input.b)
  if (input.a.length === 0 || input.b.length === 0) throw new StatsError('an arm without any value has no quantile')
  const arms = [orderedArm(input.a, input.quantile, input), orderedArm(input.b, input.quantile, input)] as const
  let smallest = Number.POSITIVE_INFINITY
  for (const x of new Set([...input.a, ...input.b])) smallest = Math.min(smallest, arms[0](x) + arms[1](x))
  return anytimeP(smallest)
}

/** For one arm: x ↦ the least ln E among the counts that x allows. */
function orderedArm(values: readonly number[], quantile: number, tuning: Tuning): (x: number) => number {
  const sorted = Float64Array.from(values).sort()
  const t = sorted.length
  const at = (count: number) => countEvidence(t, quantile, count - t * quantile, tuning)
  const best = flattest(at, t)
  return (x) => {
    const below = countBelow(sorted, (value) => value < x)
    const upTo = countBelow(sorted, (value) => value <= x)
    return at(Math.min(Math.max(best, below), upTo))
  }
}

/** The count in [0, t] with the least evidence, by golden section on a convex function. */
function flattest(at: (count: number) => number, t: number): number {
  const golden = (Math.sqrt(5) - 1) / 2
  let low = 0
  let high = t
  for (let step = 0; step < 100; step += 1) {
    const left = high - golden * (high - low)
    const right = low + golden * (high - low)
    if (at(left) < at(right)) high = right
    else low = left
  }
  return (low + high) / 2
}

function countBelow(sorted: Float64Array, isBelow: (value: number) => boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBelow(sorted[middle] ?? Number.POSITIVE_INFINITY)) low = middle + 1
    else high = middle
  }
  return low
}
