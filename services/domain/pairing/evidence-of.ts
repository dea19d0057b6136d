import type { Arm, Comparison, Evidence, MetricValue, Place, PlannedLeg, ShadowPlan } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import type { LegFacts } from '../scoring/leg-facts.ts'
import { legOutcome, pairOutcome } from '../scoring/leg-outcomes.ts'
import type { Sha256Hex } from '../scoring/normalise.ts'
import type { ExchangeFacts } from './exchange-facts.ts'
import { metricsAt } from './plan-horizons.ts'

const source = 'pairing'

/** Everything known of an exchange when one of its horizons falls due. Legs that were planned but never heard of are absent. */
export interface KnownExchange {
  readonly facts: ExchangeFacts
  readonly plan: ShadowPlan | null
  readonly legs: ReadonlyMap<string, LegFacts>
  readonly hash: Sha256Hex
}

/** Key of a leg within its exchange. */
export function legKey(arm: Arm, leg: 'live' | 'shadow'): string {
  return `${arm}/${leg}`
}

/** Deterministic, so that a repetition is recognised: first 32 hex digits of SHA-256 over what makes the outcome unique. */
export function evidenceId(
  exchangeId: string,
  run: string,
  comparison: Comparison,
  arm: Arm | null,
  horizonMs: number,
  hash: Sha256Hex,
): string {
  return hash([exchangeId, run, comparison, arm ?? '', source, horizonMs].join('\u001f')).slice(0, 32)
}

/** The single of the live arm at one horizon; null when the exchange takes no part in the unpaired comparison. */
export function liveEvidence(
  plan: AnalysisPlan,
  known: KnownExchange,
  horizonMs: number,
  late: boolean,
): Evidence | null {
  const { request } = known.facts
  const place = request.place
  if (place === null || request.assignment !== 'split' || place.candidate_weight <= 0) return null
  const arm = request.live_arm
  const leg = known.legs.get(legKey(arm, 'live')) ?? null
  const metrics = metricsAt(plan, 'live_ab', horizonMs).flatMap((metric): MetricValue[] => {
    const value = legOutcome(metric, leg, known.facts.hasText)
    if (value === null) return []
    return [
      { name: metric.name, baseline: arm === 'baseline' ? value : null, candidate: arm === 'candidate' ? value : null },
    ]
  })
  const resolution = leg?.resolution ?? null
  return {
    ...frame(known, place, 'live_ab', arm, horizonMs, late),
    baseline_resolution: arm === 'baseline' ? resolution : null,
    candidate_resolution: arm === 'candidate' ? resolution : null,
    inclusion_p: 1,
    metrics,
  }
}

/** The two legs that each paired comparison sets side by side, first the one that counts as baseline, by the arm that answered live. */
const pairsOf = {
  baseline: {
    content_ab: [legKey('baseline', 'live'), legKey('candidate', 'shadow')],
    shadow_ab: [legKey('baseline', 'shadow'), legKey('candidate', 'shadow')],
    aa: [legKey('baseline', 'live'), legKey('baseline', 'shadow')],
  },
  // Of a counterfactual only content: live and shadow legs answer at their own speeds.
  candidate: { content_ab: [legKey('baseline', 'shadow'), legKey('candidate', 'live')], shadow_ab: null, aa: null },
} as const

/** The pair of one paired comparison at one horizon; null when it was not planned for this exchange. */
export function pairedEvidence(
  plan: AnalysisPlan,
  known: KnownExchange,
  comparison: 'content_ab' | 'shadow_ab' | 'aa',
  horizonMs: number,
  late: boolean,
): Evidence | null {
  const place = known.plan?.place ?? null
  const liveArm = known.facts.request.live_arm
  const inclusion = inclusionOf(known.plan?.legs ?? [], comparison, liveArm)
  const pair = pairsOf[liveArm][comparison]
  if (place === null || inclusion === 0 || pair === null) return null
  const metricsHere = metricsAt(plan, comparison, horizonMs)
  if (metricsHere.length === 0 && horizonMs !== plan.legTimeoutMs) return null
  const [firstKey, secondKey] = pair
  const first = known.legs.get(firstKey) ?? null
  const second = known.legs.get(secondKey) ?? null
  const metrics = metricsHere.flatMap((metric): MetricValue[] => {
    const differs = first === null || second === null ? null : pairOutcome(metric.name, first, second)
    if (differs !== null) return [{ name: metric.name, baseline: 0, candidate: differs }]
    const baseline = legOutcome(metric, first, known.facts.hasText)
    const candidate = legOutcome(metric, second, known.facts.hasText)
    return baseline === null || candidate === null ? [] : [{ name: metric.name, baseline, candidate }]
  })
  return {
    ...frame(known, place, comparison, null, horizonMs, late),
    baseline_resolution: first?.resolution ?? null,
    candidate_resolution: second?.resolution ?? null,
    inclusion_p: inclusion,
    metrics,
  }
}

function inclusionOf(legs: readonly PlannedLeg[], comparison: 'content_ab' | 'shadow_ab' | 'aa', liveArm: Arm): number {
  const asked = comparison === 'aa' || liveArm === 'candidate' ? 'baseline' : 'candidate'
  const leg = legs.find((candidate) => candidate.arm === asked)
  if (leg === undefined) return 0
  if (comparison === 'content_ab') return leg.content_ab_p
  if (comparison === 'aa') return leg.aa_p
  return legs.some((candidate) => candidate.arm === 'baseline') ? leg.shadow_ab_p : 0
}

function frame(
  known: KnownExchange,
  place: Place,
  comparison: Comparison,
  arm: Arm | null,
  horizonMs: number,
  late: boolean,
) {
  const { facts } = known
  return {
    id: evidenceId(facts.exchangeId, place.run, comparison, arm, horizonMs, known.hash),
    version: 0,
    place,
    exchange_id: facts.exchangeId,
    comparison,
    source,
    horizon_ms: horizonMs,
    arrived_at: facts.arrivedAtMs,
    arm,
    unit: facts.unit,
    assignment_unit: facts.request.assignment_unit,
    turn: facts.request.turn,
    tenant: facts.request.tenant,
    segments: facts.request.segments,
    late,
  }
}
