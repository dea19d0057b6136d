import type { Comparison } from '../events/records.ts'

/**
 * When a metric's outcome is read: at a fixed age, or at the leg timeout. Fast ones are about legs that have ended by then, whose response is there
 * in time. Whether a budget was kept is known of a slow leg only at its end: read at the age of the budget, the slowest would be missing.
 */
export type MetricHorizon = { readonly kind: 'fast'; readonly ms: number } | { readonly kind: 'full' }

/** What Penstock can measure on an exchange, and which comparisons are fair for it. */
export interface CataloguedMetric {
  readonly name: string
  /** binary: 1 is a bad event. */
  readonly kind: 'binary' | 'mean'
  readonly lowerIsBetter: boolean
  readonly comparisons: readonly Comparison[]
  readonly horizon: MetricHorizon
}

const full = { kind: 'full' } as const
// Live and shadow legs differ in quota, caches and load, so these are compared between legs of the same kind only.
const sameKindOfLeg = ['live_ab', 'shadow_ab'] as const
// Amounts have a noise floor, from which the bounds of their tests are frozen; between a live and a shadow leg it only sets a scale.
const amountOfLeg = ['live_ab', 'shadow_ab', 'aa'] as const
const contentAndLive = ['content_ab', 'live_ab'] as const
const withNoiseFloor = ['content_ab', 'aa'] as const

const bad = { kind: 'binary', lowerIsBetter: true } as const
const amount = { kind: 'mean', lowerIsBetter: true } as const

/** Metrics that no exchange shows: a judge supplies them. */
export const suppliedMetrics: ReadonlySet<string> = new Set(['judge_loss', 'judge_score'])

export const metricCatalogue: readonly CataloguedMetric[] = [
  { ...bad, name: 'error', comparisons: sameKindOfLeg, horizon: full },
  { ...bad, name: 'fast_error', comparisons: sameKindOfLeg, horizon: { kind: 'fast', ms: 2_000 } },
  { ...bad, name: 'abandoned', comparisons: ['live_ab'], horizon: full },
  { ...bad, name: 'refusal', comparisons: contentAndLive, horizon: full },
  { ...bad, name: 'fast_refusal', comparisons: contentAndLive, horizon: { kind: 'fast', ms: 5_000 } },
  { ...bad, name: 'latency_over_budget', comparisons: sameKindOfLeg, horizon: full },
  { ...bad, name: 'ttft_over_budget', comparisons: sameKindOfLeg, horizon: full },
  { ...amount, name: 'latency_ms', comparisons: amountOfLeg, horizon: full },
  { ...amount, name: 'ttft_ms', comparisons: amountOfLeg, horizon: full },
  { ...amount, name: 'cost_micro_usd', comparisons: amountOfLeg, horizon: full },
  { ...bad, name: 'golden_wrong', comparisons: withNoiseFloor, horizon: full },
  { ...bad, name: 'judge_loss', comparisons: withNoiseFloor, horizon: full },
  // From 0 to 1, of the answer on its own or against the other's: what the judge gives, unlike a loss, says by how much.
  { name: 'judge_score', kind: 'mean', lowerIsBetter: false, comparisons: withNoiseFloor, horizon: full },
  { ...bad, name: 'differs_exact', comparisons: withNoiseFloor, horizon: full },
  { ...bad, name: 'differs_normalised', comparisons: withNoiseFloor, horizon: full },
  { ...amount, name: 'dissimilarity', comparisons: withNoiseFloor, horizon: full },
  { ...amount, name: 'input_tokens', comparisons: withNoiseFloor, horizon: full },
  { ...amount, name: 'output_tokens', comparisons: withNoiseFloor, horizon: full },
  { ...amount, name: 'length_chars', comparisons: withNoiseFloor, horizon: full },
]
