import type { PlannedMetric } from '../gate/plan.ts'
import type { LegFacts } from './leg-facts.ts'
import { dissimilarity } from './sketch.ts'

/**
 * A metric's outcome of one leg, read at the metric's horizon and final; null when the outcome does not define it (statistics.md A 3, both arms
 * alike). `facts` null: no response was ever heard of, which is our loss: 0 at a fast horizon (nothing had failed by then), undefined at the full
 * one. A leg that was never asked for (skipped, shadow infrastructure) is not sampled and defines nothing. `hasText`: the exchange's capture level
 * let texts through; without it nothing is said about content.
 */
export function legOutcome(metric: PlannedMetric, facts: LegFacts | null, hasText: boolean): number | null {
  if (metric.name === 'fast_refusal' && !hasText) return null
  if (facts === null) return metric.name.startsWith('fast_') ? 0 : null
  if (isNotSampled(facts)) return null
  const ended = facts.durationMs <= metric.horizonMs
  const answered = facts.resolution === 'answered'
  switch (metric.name) {
    case 'error':
      return isError(facts) ? 1 : 0
    case 'fast_error':
      return isError(facts) && facts.resolution !== 'timed_out' && ended ? 1 : 0
    case 'abandoned':
      return facts.resolution === 'abandoned' ? 1 : 0
    case 'refusal':
      return answered && facts.hasOutput ? Number(facts.refused) : null
    case 'fast_refusal':
      return answered && facts.refused && ended ? 1 : 0
    case 'latency_over_budget':
      return overBudget(facts, facts.durationMs, metric)
    case 'ttft_over_budget':
      return overBudget(facts, facts.ttftMs ?? facts.durationMs, metric)
    case 'latency_ms':
      return answered ? facts.durationMs : null
    case 'ttft_ms':
      return answered ? facts.ttftMs : null
    case 'cost_micro_usd':
      return answered ? facts.costMicroUsd : null
    default:
      return answered ? contentOutcome(metric.name, facts) : null
  }
}

/** Never asked for, by our own choice or fault: it says nothing about the model. */
export function isNotSampled({ resolution }: LegFacts): boolean {
  return resolution.startsWith('skipped_') || resolution === 'shadow_infrastructure'
}

function isError(facts: LegFacts): boolean {
  return facts.resolution === 'failed' || facts.resolution === 'timed_out'
}

/** A failure within the budget says nothing about speed, and an aborted answer was not allowed to end. */
function overBudget(facts: LegFacts, tookMs: number, metric: PlannedMetric): number | null {
  if (facts.resolution === 'aborted_by_client' || facts.resolution === 'abandoned') return null
  if (tookMs > (metric.budgetMs ?? metric.horizonMs)) return 1
  return facts.resolution === 'answered' ? 0 : null
}

function contentOutcome(name: string, facts: LegFacts): number | null {
  switch (name) {
    case 'input_tokens':
      return facts.inputTokens
    case 'output_tokens':
      return facts.outputTokens
    case 'length_chars':
      return facts.hasOutput && facts.isWhole ? facts.lengthChars : null
    case 'golden_wrong':
      return facts.goldenWrong === null ? null : Number(facts.goldenWrong)
    default:
      return null
  }
}

/** A metric that only a pair has: whether the two answers differ, and how far. Null when one of them said nothing that could be compared. */
export function pairOutcome(name: string, a: LegFacts, b: LegFacts): number | null {
  if (![a, b].every((facts) => facts.resolution === 'answered' && facts.hasOutput && facts.isWhole)) return null
  if (name === 'differs_exact') return differ(a.exactHash, b.exactHash)
  if (name === 'dissimilarity') return a.sketch === null || b.sketch === null ? null : dissimilarity(a.sketch, b.sketch)
  if (name === 'differs_normalised') return differ(a.normalisedHash, b.normalisedHash)
  return null
}

function differ(a: string | null, b: string | null): number | null {
  return a === null || b === null ? null : Number(a !== b)
}
