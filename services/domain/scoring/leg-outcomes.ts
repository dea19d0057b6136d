import type { PlannedMetric } from '../gate/plan.ts'
import type { LegFacts } from './leg-facts.ts'

/**
 * A metric's outcome of one leg, read at the metric's horizon and final; null when the outcome does not define it. `facts` null: no response was
 * ever heard of, which is our loss: 0 at a fast horizon (nothing had failed by then), undefined at the full one.
 */
export function legOutcome(metric: PlannedMetric, facts: LegFacts | null): number | null {
  if (facts === null) return metric.name.startsWith('fast_') ? 0 : null
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
      return answered && facts.hasOutput && facts.refused && ended ? 1 : 0
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
      return facts.hasOutput ? facts.lengthChars : null
    case 'golden_wrong':
      return facts.hasOutput && facts.goldenWrong !== null ? Number(facts.goldenWrong) : null
    default:
      return null
  }
}

/** A metric that only a pair has: whether the two answers differ. Null when one of them said nothing that could be compared. */
export function pairOutcome(name: string, a: LegFacts, b: LegFacts): number | null {
  if (a.resolution !== 'answered' || b.resolution !== 'answered' || !a.hasOutput || !b.hasOutput) return null
  if (name === 'differs_exact') return Number(a.exactHash !== b.exactHash)
  if (name === 'differs_normalised') return Number(a.normalisedHash !== b.normalisedHash)
  return null
}
