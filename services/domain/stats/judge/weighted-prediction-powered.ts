import { requireFinite } from '../moments/sample-moments.ts'
import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/** Scores with the chance that each trace had of coming into this set (0 < p ≤ 1), known before any answer was seen. */
export interface SampledScores {
  readonly values: readonly number[]
  readonly inclusion: readonly number[]
}

/**
 * PPI++ (Angelopoulos et al. 2023, arXiv 2311.01453) where traces were chosen with unequal probability p: enterprise oversampled ×4, human labels sent
 * where the judge is unsure. With w = 1/p every mean is weighted (Hájek 1971), m_w(x) = Σwx/Σw, and every variance is that of its linearisation,
 * V_w(x) = Σw²(x − m_w)²/(Σw)²:
 * θ̂_λ = λ·m(ĵ unlabelled) + m(h − λĵ), se² = λ²V(ĵ unlabelled) + V(h − λĵ). λ̂ = C(h, ĵ)/(V(ĵ labelled) + V(ĵ unlabelled)) makes se² smallest, clipped to
 * [0, 1]; C is V's covariance. λ = 0 leaves the judge out. Equal probabilities give `predictionPoweredMean` at the same λ. The target is the mean over
 * all traffic, in units of the score; probabilities may depend on anything known beforehand, never on the score or the answers' difference (A 20).
 * Wants 50 labels at least to be trusted; one trace a set is accepted and adds no variance. A judge that never varies gets λ̂ = 0.
 * @throws StatsError when a set is empty, lengths differ, a score is not finite or a probability is outside (0, 1]
 */
export function weightedPredictionPoweredMean(input: {
  readonly human: SampledScores
  /** The judge's scores of the traces that people labelled, in the order of `human`. */
  readonly judgeLabelled: readonly number[]
  readonly judgeUnlabelled: SampledScores
  readonly alpha: number
  /** Weight of the judge; null: the best one by the data. */
  readonly lambda: number | null
}): {
  readonly lambda: number
  readonly mean: number
  readonly error: number
  readonly interval: Interval
  /** Kish's effective number of labels (Σw)²/Σw². */
  readonly effectiveLabels: number
} {
  const { human, judgeLabelled, judgeUnlabelled, alpha } = input
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  if (input.lambda !== null) requireWithin({ lambda: input.lambda }, 0, 1)
  requireFinite('judgeLabelled', judgeLabelled)
  if (human.values.length !== judgeLabelled.length)
    throw new StatsError(`${human.values.length} human scores for ${judgeLabelled.length} scores of the judge`)
  const labelled = weightsOf('human', human)
  const unlabelled = weightsOf('judgeUnlabelled', judgeUnlabelled)
  const judgeVariance = covariance(labelled, judgeLabelled, judgeLabelled)
  const unlabelledVariance = covariance(unlabelled, judgeUnlabelled.values, judgeUnlabelled.values)
  const both = judgeVariance + unlabelledVariance
  const best = both > 0 ? covariance(labelled, human.values, judgeLabelled) / both : 0
  const lambda = input.lambda ?? Math.min(1, Math.max(0, best))
  const rest = human.values.map((value, index) => value - lambda * (judgeLabelled[index] ?? Number.NaN))
  const mean = lambda * weightedMean(unlabelled, judgeUnlabelled.values) + weightedMean(labelled, rest)
  const error = Math.sqrt(lambda * lambda * unlabelledVariance + covariance(labelled, rest, rest))
  const half = -normalQuantile(alpha / 2) * error
  const squares = labelled.reduce((sum, weight) => sum + weight * weight, 0)
  return { lambda, mean, error, interval: [mean - half, mean + half], effectiveLabels: 1 / squares }
}

/** 1/p, scaled to add up to 1. */
function weightsOf(name: string, { values, inclusion }: SampledScores): readonly number[] {
  requireFinite(name, values)
  if (values.length === 0) throw new StatsError(`${name} is empty`)
  if (values.length !== inclusion.length)
    throw new StatsError(`${name}: ${values.length} scores for ${inclusion.length} inclusion probabilities`)
  for (const [index, p] of inclusion.entries()) requireWithin({ [`${name} inclusion[${index}]`]: p }, 1e-150, 1)
  // Against the smallest p, so that no weight overflows.
  const smallest = inclusion.reduce((least, p) => Math.min(least, p), 1)
  const raw = inclusion.map((p) => smallest / p)
  const total = raw.reduce((sum, weight) => sum + weight, 0)
  return raw.map((weight) => weight / total)
}

function weightedMean(weights: readonly number[], values: readonly number[]): number {
  return weights.reduce((sum, weight, index) => sum + weight * (values[index] ?? Number.NaN), 0)
}

/** Σw²(x − m(x))(y − m(y)) for weights that add up to 1. */
function covariance(weights: readonly number[], x: readonly number[], y: readonly number[]): number {
  const meanX = weightedMean(weights, x)
  const meanY = weightedMean(weights, y)
  let sum = 0
  for (const [index, weight] of weights.entries())
    sum += weight * weight * ((x[index] ?? Number.NaN) - meanX) * ((y[index] ?? Number.NaN) - meanY)
  return sum
}
