import type { MetricPolicy, RolloutSpec } from '../rollout/spec.ts'
import { normalCdf, normalQuantile } from '../stats/special-functions/normal.ts'
import type { AnalysisPlan } from './plan.ts'

/** Gates that a harmless candidate must pass: every stage below full weight of every wave. */
export function gateCount(spec: RolloutSpec): number {
  return spec.waves.reduce(
    (sum, wave) => sum + wave.stages.filter((stage) => stage.candidateWeight < 100_000).length,
    0,
  )
}

export function isDeciding(metric: MetricPolicy): boolean {
  return (metric.role === 'guardrail' || metric.role === 'primary') && metric.mustHaveData
}

/**
 * β of one question: the total over deciding metrics × gates (what must be divided for guardrails is β, not α; Schultzberg et al. 2024). Declared slices are
 * not counted: a question may pass at any of four looks and is missed far less often than that β. Only where all of them together would still be
 * missed more often than the total (one metric, a gate or two, many slices) they are.
 *
 * @param spec with α as each question has it
 * @param looks that belong to that α
 */
export function betaOfQuestion(spec: RolloutSpec, looks: AnalysisPlan['looks']): number {
  const questions = Math.max(1, spec.metrics.filter(isDeciding).length * gateCount(spec))
  const each = spec.betaTotal / questions
  const slices = 1 + spec.criticalSlices.length
  // Of live arms as well as of pairs: two questions a metric at most.
  const missed = 2 * questions * slices * missAtLastLook(spec.alphaAdvance, each, looks)
  return slices === 1 || missed <= spec.betaTotal ? each : each / slices
}

/**
 * Chance that a question sized with this α and β does not pass a harmless candidate at its last look, at the whole information: no less than that it passes
 * at none. Normal approximation.
 */
export function missAtLastLook(alpha: number, beta: number, looks: AnalysisPlan['looks']): number {
  const [first, last] = [looks[0], looks.at(-1)]
  const fixed = normalQuantile(1 - alpha) + normalQuantile(1 - beta)
  return normalCdf((last?.bound ?? 0) - fixed / Math.sqrt(first?.fraction ?? 1))
}
