import { logBetaFront } from '../special-functions/beta.ts'
import { chiSquareSf } from '../special-functions/chi-square.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/** Weights of at least two arms as shares that add up to 1. */
function sharesOf(weights: readonly number[]): readonly number[] {
  if (weights.length < 2) throw new StatsError(`a split has at least two arms, got ${weights.length}`)
  for (const weight of weights) requireWithin({ weight }, Number.MIN_VALUE, 1e300)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}

function requireArmCounts(counts: readonly number[], arms: number): void {
  if (counts.length !== arms) throw new StatsError(`${counts.length} counts for ${arms} arms`)
  for (const count of counts) requireCounts({ count })
}

/**
 * Sample ratio mismatch at a look: Pearson's χ² of counts of distinct units against the weights, df = arms − 1 (Fabijan et al. 2019). p = 1 when nobody
 * was assigned. Weights need not be normalised; each must be positive.
 */
export function sampleRatioChiSquare(input: {
  readonly counts: readonly number[]
  readonly weights: readonly number[]
}): { readonly chiSquare: number; readonly p: number } {
  const shares = sharesOf(input.weights)
  requireArmCounts(input.counts, shares.length)
  const total = input.counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return { chiSquare: 0, p: 1 }
  const chiSquare = input.counts.reduce((sum, count, arm) => {
    const expected = total * (shares[arm] ?? 0)
    return sum + ((count - expected) * (count - expected)) / expected
  }, 0)
  return { chiSquare, p: chiSquareSf(chiSquare, shares.length - 1) }
}

/**
 * Sequential sample ratio test (Lindon & Malek 2022): Bayes factor of a Dirichlet(k·w) alternative against the weights w, in batches that may be looked at
 * after each; p = min over looks of 1/BF. ln BF is a sum of beta-binomial factors, arm against the later arms, each the difference of two deviance-based
 * densities, so that millions of units lose no digit. No batch: ln BF = 0.
 */
export function sequentialSampleRatio(input: {
  readonly batches: readonly (readonly number[])[]
  readonly weights: readonly number[]
  readonly concentration: number
}): { readonly logBayesFactor: number; readonly p: readonly number[] } {
  const shares = sharesOf(input.weights)
  requireWithin({ concentration: input.concentration }, Number.MIN_VALUE, 1e15)
  const totals = shares.map(() => 0)
  const p: number[] = []
  let logBayesFactor = 0
  for (const batch of input.batches) {
    requireArmCounts(batch, shares.length)
    for (const [arm, count] of batch.entries()) totals[arm] = (totals[arm] ?? 0) + count
    logBayesFactor = dirichletFactor(totals, shares, input.concentration)
    p.push(Math.min(p.at(-1) ?? 1, Math.exp(-logBayesFactor)))
  }
  return { logBayesFactor, p }
}

function dirichletFactor(counts: readonly number[], shares: readonly number[], concentration: number): number {
  let laterCount = counts.reduce((sum, count) => sum + count, 0)
  let sum = 0
  for (let arm = 0; arm + 1 < shares.length; arm += 1) {
    const share = shares[arm] ?? 0
    const count = counts[arm] ?? 0
    const rest = shares.slice(arm + 1).reduce((total, other) => total + other, 0)
    laterCount -= count
    const x = share / (share + rest)
    const y = rest / (share + rest)
    const prior = logBetaFront(x, y, concentration * share, concentration * rest)
    sum += prior - logBetaFront(x, y, concentration * share + count, concentration * rest + laterCount)
  }
  return sum
}
