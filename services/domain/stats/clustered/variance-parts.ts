import { meanOf, requireFinite, varianceOf } from '../moments/sample-moments.ts'
import { StatsError } from '../stats-error.ts'

/**
 * Splits the variance of scores into that of the questions' conditional means and that of repeated answers to one question (Miller 2024, arXiv
 * 2411.00640): within = mean of the answers' variances (questions with at least two answers), between = max(0, Var(means) − mean(within/K_i)). K
 * answers a question shrink within to within/K; both feed `evaluationSize`. `within` is null when no question was asked twice, and then nothing is
 * taken off `between`.
 */
export function varianceParts(answers: readonly (readonly number[])[]): {
  readonly mean: number
  readonly between: number
  readonly within: number | null
} {
  if (answers.length < 2) throw new StatsError(`at least two questions are needed, got ${answers.length}`)
  for (const [index, scores] of answers.entries()) {
    if (scores.length === 0) throw new StatsError(`question ${index} has no answer`)
    requireFinite(`question ${index}`, scores)
  }
  const means = answers.map(meanOf)
  const repeated = answers.filter((scores) => scores.length > 1)
  const within = repeated.length === 0 ? null : meanOf(repeated.map(varianceOf))
  const noise = within === null ? 0 : meanOf(answers.map((scores) => within / scores.length))
  return { mean: meanOf(means), between: Math.max(0, varianceOf(means) - noise), within }
}
