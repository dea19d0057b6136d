import type {
  Arm,
  Comparison,
  Evidence,
  MetricValue,
  Place,
  PlannedLeg,
  Resolution,
  ShadowPlan,
} from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import type { LegFacts } from '../scoring/leg-facts.ts'
import { legOutcome, pairOutcome } from '../scoring/leg-outcomes.ts'
import type { Sha256Hex } from '../scoring/normalise.ts'
import type { ExchangeFacts } from './exchange-facts.ts'
import { metricsAt, type PlannedMetric } from './plan-readings.ts'

const source = 'pairing'

/** Everything known of an exchange when one of its horizons falls due. Legs that were planned but never heard of are absent. */
export interface KnownExchange {
  readonly facts: ExchangeFacts
  readonly plan: Pick<ShadowPlan, 'place' | 'legs'> | null
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

/**
 * The single of the live arm at one horizon; null when the exchange takes no part in the unpaired comparison, or has nothing to say. At the full
 * horizon a record without metrics still says that the leg was heard of.
 */
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
  const metrics: MetricValue[] = []
  for (const metric of metricsAt(plan, 'live_ab', horizonMs)) {
    const value = legOutcome(metric, leg, known.facts.hasText)
    if (value === null) continue
    const [baseline, candidate] = arm === 'baseline' ? [value, null] : [null, value]
    metrics.push({ name: metric.name, baseline, candidate })
  }
  if (metrics.length === 0 && horizonMs !== plan.legTimeoutMs) return null
  const resolution = leg?.resolution ?? null
  const [baseline, candidate] = arm === 'baseline' ? [resolution, null] : [null, resolution]
  return evidence(known, {
    place,
    comparison: 'live_ab',
    arm,
    horizonMs,
    late,
    baseline,
    candidate,
    inclusion: 1,
    metrics,
  })
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

/** The pair of one paired comparison at one horizon; null when it was not planned for this exchange, or has nothing to say, as above. */
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
  // Of another planner: what continues the candidate's history is no pair beside those that continue the baseline's.
  if (liveArm === 'candidate' && known.facts.request.turn > 0) return null
  const metricsHere = metricsAt(plan, comparison, horizonMs)
  if (metricsHere.length === 0 && horizonMs !== plan.legTimeoutMs) return null
  const [firstKey, secondKey] = pair
  const first = known.legs.get(firstKey) ?? null
  const second = known.legs.get(secondKey) ?? null
  const metrics: MetricValue[] = []
  for (const metric of metricsHere) {
    const value = pairValue(metric, first, second, known.facts.hasText)
    if (value !== null) metrics.push(value)
  }
  if (metrics.length === 0 && horizonMs !== plan.legTimeoutMs) return null
  const [baseline, candidate] = [first?.resolution ?? null, second?.resolution ?? null]
  return evidence(known, { place, comparison, arm: null, horizonMs, late, baseline, candidate, inclusion, metrics })
}

function pairValue(
  metric: PlannedMetric,
  first: LegFacts | null,
  second: LegFacts | null,
  hasText: boolean,
): MetricValue | null {
  const differs = first === null || second === null ? null : pairOutcome(metric.name, first, second)
  if (differs !== null) return { name: metric.name, baseline: 0, candidate: differs }
  const baseline = legOutcome(metric, first, hasText)
  const candidate = baseline === null ? null : legOutcome(metric, second, hasText)
  return baseline === null || candidate === null ? null : { name: metric.name, baseline, candidate }
}

function inclusionOf(legs: readonly PlannedLeg[], comparison: 'content_ab' | 'shadow_ab' | 'aa', liveArm: Arm): number {
  const asked = comparison === 'aa' || liveArm === 'candidate' ? 'baseline' : 'candidate'
  const leg = legs.find((candidate) => candidate.arm === asked)
  if (leg === undefined) return 0
  if (comparison === 'content_ab') return leg.content_ab_p
  if (comparison === 'aa') return leg.aa_p
  return legs.some((candidate) => candidate.arm === 'baseline') ? leg.shadow_ab_p : 0
}

interface Outcome {
  readonly place: Place
  readonly comparison: Comparison
  readonly arm: Arm | null
  readonly horizonMs: number
  readonly late: boolean
  readonly baseline: Resolution | null
  readonly candidate: Resolution | null
  readonly inclusion: number
  readonly metrics: readonly MetricValue[]
}

function evidence({ facts, hash }: KnownExchange, outcome: Outcome): Evidence {
  const { place, comparison, arm, horizonMs } = outcome
  return {
    id: evidenceId(facts.exchangeId, place.run, comparison, arm, horizonMs, hash),
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
    late: outcome.late,
    baseline_resolution: outcome.baseline,
    candidate_resolution: outcome.candidate,
    inclusion_p: outcome.inclusion,
    metrics: outcome.metrics,
  }
}
