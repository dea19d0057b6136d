import type { Arm, Evidence, Place, Response } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { type KnownExchange, legKey, pairedEvidence } from '../pairing/evidence-of.ts'
import type { GoldenEntry, RolloutSpec } from '../rollout/spec.ts'
import { type LegFacts, legFacts, wantedFacts } from '../scoring/leg-facts.ts'
import { sha256Hex } from '../scoring/normalise.ts'
import type { Exchange } from './exchange.ts'
import type { RecordedAnswer, RecordedPair } from './recorded-pair.ts'

/** When recorded pairs would have arrived: they carry no arrival of their own. */
export interface Arrivals {
  readonly startMs: number
  readonly everyMs: number
}

/**
 * The evidence that pairing would have made of recorded pairs in the first stage of a policy, by the code that makes it of live ones. Both answers of
 * a recording came about in the same way, so they are compared as two shadow legs as well. Nothing was recorded twice: there is no A/A pair.
 */
export function exchangesOfPairs(
  pairs: readonly RecordedPair[],
  goldenOf: (pair: RecordedPair) => GoldenEntry | null,
  policy: { readonly spec: RolloutSpec; readonly plan: AnalysisPlan; readonly run: string },
  arrivals: Arrivals,
): readonly Exchange[] {
  const [wave] = policy.spec.waves
  const [stage] = wave?.stages ?? []
  const place: Place = {
    run: policy.run,
    wave: wave?.id ?? '',
    stage_entry: 1,
    stage: stage?.name ?? '',
    epoch: 1,
    rule: wave?.id ?? '',
    candidate_weight: 0,
  }
  return pairs.map((pair, index) => {
    const arrivedAtMs = arrivals.startMs + Math.round(index * arrivals.everyMs)
    const evidence = evidenceOfPair(pair, goldenOf(pair), place, policy, arrivedAtMs)
    return { id: pair.id, arrivedAtMs, evidence }
  })
}

function evidenceOfPair(
  pair: RecordedPair,
  golden: GoldenEntry | null,
  place: Place,
  { spec, plan }: { readonly spec: RolloutSpec; readonly plan: AnalysisPlan },
  arrivedAtMs: number,
): readonly Evidence[] {
  const facts = (arm: Arm, leg: 'live' | 'shadow'): LegFacts =>
    legFacts(responseOf(pair, arm, leg, plan.legTimeoutMs), golden, {
      hasText: true,
      price: spec.prices[spec[arm].id] ?? null,
      wanted: wantedFacts(plan.metrics),
      hash: sha256Hex,
    })
  // Units are hashes in evidence, and a gate keeps their beginnings alone.
  const unit = sha256Hex(pair.unit).slice(0, 32)
  const known: KnownExchange = {
    facts: {
      exchangeId: pair.id,
      request: {
        place,
        live_arm: 'baseline',
        assignment: 'split',
        assignment_unit: unit,
        turn: 0,
        tenant: pair.tenant,
        segments: pair.task === '' ? {} : { task: pair.task },
        golden_ref: golden?.ref ?? null,
      },
      arrivedAtMs,
      unit,
      promptHash: sha256Hex(pair.prompt),
      hasText: true,
    },
    plan: {
      place,
      legs: (['candidate', 'baseline'] as const).map((arm) => ({ arm, content_ab_p: 1, shadow_ab_p: 1, aa_p: 0 })),
    },
    legs: new Map([
      [legKey('baseline', 'live'), facts('baseline', 'live')],
      [legKey('baseline', 'shadow'), facts('baseline', 'shadow')],
      [legKey('candidate', 'shadow'), facts('candidate', 'shadow')],
    ]),
    hash: sha256Hex,
  }
  const horizonsMs = new Set([...plan.metrics.map((metric) => metric.horizonMs), plan.legTimeoutMs])
  return [...horizonsMs].flatMap((horizonMs) =>
    (['content_ab', 'shadow_ab'] as const).flatMap((comparison) => {
      const evidence = pairedEvidence(plan, known, comparison, horizonMs, false)
      return evidence === null ? [] : [evidence]
    }),
  )
}

/** An answer that took longer than the policy lets a leg take would never have been heard. */
function responseOf(pair: RecordedPair, arm: Arm, leg: 'live' | 'shadow', legTimeoutMs: number): Response {
  const { model, output, durationMs, costMicroUsd, outputTokens }: RecordedAnswer = pair[arm]
  const timedOut = durationMs > legTimeoutMs
  return {
    exchange_id: pair.id,
    arm,
    leg,
    attempt_id: `${pair.id}/${arm}/${leg}`,
    resolution: timedOut ? 'timed_out' : 'answered',
    error_class: timedOut ? 'timeout' : null,
    status: timedOut ? null : 200,
    started_at: 0,
    first_token_at: null,
    ended_at: Math.min(durationMs, legTimeoutMs),
    provider: '',
    model_requested: model,
    model_served: model,
    prompt_version: null,
    parameters_hash: '',
    output: timedOut ? '' : output,
    tool_calls: [],
    finish_reason: null,
    refusal: null,
    input_tokens: null,
    output_tokens: outputTokens,
    cached_tokens: null,
    usage_source: 'recorded',
    cost_micro_usd: costMicroUsd,
    truncated: false,
    quota_remaining: null,
  }
}
