import type { Evidence } from '../events/records.ts'
import { defaultMetrics } from '../policy/default-policy.ts'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { specFromDocument } from '../policy/spec-from-document.ts'
import type { RolloutSpec } from '../rollout/spec.ts'

/** A rollout whose tests act on pairs without calibration, for the tests of gates. */
export function sampleSpec(change: Partial<RolloutDocument> = {}): RolloutSpec {
  const result = specFromDocument(sampleDocument(change), null)
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  return result.spec
}

/** The metrics of a rollout file in which these decide; what else would by default is only shown. */
export function onlyDeciding(
  metrics: NonNullable<RolloutDocument['metrics']>,
): NonNullable<RolloutDocument['metrics']> {
  const shown = defaultMetrics
    .filter(({ role }) => role === 'guardrail')
    .map(({ name }) => [name, { role: 'signal' }] as const)
  return { ...Object.fromEntries(shown), ...metrics }
}

/** Refusals alone decide, within five points. */
export const refusalDecides = onlyDeciding({ refusal: { margin: { absolute: 0.05 }, assumedRate: 0.1 } })

/** The file that says so. */
export function sampleDocument(change: Partial<RolloutDocument> = {}): RolloutDocument {
  return {
    name: 'sample',
    route: 'chat',
    change: 'model',
    baseline: { id: 'a', provider: 'p', model: 'a' },
    candidate: { id: 'b', provider: 'p', model: 'b' },
    routers: ['r'],
    legTimeout: '3s',
    shadow: { startWithin: '1s' },
    calibrationPairs: 0,
    ...change,
  }
}

/** The `index`-th pair of texts in the shadow stage of `sampleSpec`, of a unit of its own, in which nobody refused. */
export function sampleEvidence(index: number, change: Partial<Evidence> = {}): Evidence {
  return {
    id: `id-${String(index).padStart(6, '0')}`,
    version: 0,
    place: { run: 'run', wave: 'all', stage_entry: 1, stage: 'shadow', epoch: 1, rule: 'all', candidate_weight: 0 },
    exchange_id: `x${index}`,
    comparison: 'content_ab',
    source: 'pairing',
    horizon_ms: 3_000,
    arrived_at: 1_000_000 + index * 10,
    arm: null,
    baseline_resolution: 'answered',
    candidate_resolution: 'answered',
    unit: `unit-${index}-padded-to-length`,
    assignment_unit: `key-${index}-padded-to-length`,
    turn: 0,
    tenant: 't',
    segments: {},
    inclusion_p: 1,
    metrics: [refusal(0, 0)],
    late: false,
    ...change,
  }
}

/** The same request's second answer of the baseline, beside its first. */
export function again(pair: Evidence, metrics: Evidence['metrics']): Evidence {
  return { ...pair, id: `${pair.id}-aa`, comparison: 'aa', metrics }
}

/** Whether each side of a pair refused: 0 or 1. */
export function refusal(baseline: number, candidate: number): Evidence['metrics'][number] {
  return { name: 'refusal', baseline, candidate }
}
