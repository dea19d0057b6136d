import type { Evidence, MetricValue } from '../events/records.ts'
import { isKnownSource, supplies } from './judges.ts'
import type { AnalysisPlan } from './plan.ts'

const weightMax = 100_000
/** Names of stage entries are joined by a slash. */
const wavePattern = /^[^/]+$/

/**
 * The record with those values alone that the plan knows and that its metric can have: 0 or 1 of a yes/no metric, a finite number of at least 0 of an
 * amount, and that come from who supplies the metric. A value that is none takes its pair with it, in both arms. Null when the record itself cannot be placed in time or in a stage, or is of a source
 * or version that the plan does not declare, or of one whose calibration has expired.
 */
export function usableEvidence(
  plan: AnalysisPlan,
  evidence: Evidence,
): { readonly evidence: Evidence; readonly unusable: number } | null {
  const { place, arrived_at: arrivedAtMs, horizon_ms: horizonMs, comparison, arm } = evidence
  const placed =
    wavePattern.test(place.wave) &&
    Number.isSafeInteger(place.stage_entry) &&
    place.stage_entry >= 0 &&
    Number.isSafeInteger(place.candidate_weight) &&
    place.candidate_weight >= 0 &&
    place.candidate_weight <= weightMax
  const known = horizonMs === plan.legTimeoutMs || plan.metrics.some((metric) => metric.horizonMs === horizonMs)
  if (!placed || !known || !isKnownSource(plan, evidence) || !Number.isSafeInteger(arrivedAtMs) || arrivedAtMs < 0)
    return null
  if ((comparison === 'live_ab') !== (arm !== null)) return null
  const isGood = (value: MetricValue) => supplies(plan, evidence.source, value.name) && isUsable(plan, value)
  if (evidence.metrics.every(isGood)) return { evidence, unusable: 0 }
  const metrics = evidence.metrics.filter(isGood)
  return { evidence: { ...evidence, metrics }, unusable: evidence.metrics.length - metrics.length }
}

function isUsable(plan: AnalysisPlan, { name, baseline, candidate }: MetricValue): boolean {
  const metric = plan.metrics.find((planned) => planned.name === name)
  if (metric === undefined) return false
  return isPossible(metric.kind, baseline) && isPossible(metric.kind, candidate)
}

function isPossible(kind: 'binary' | 'mean', value: number | null): boolean {
  if (value === null) return true
  return kind === 'binary' ? value === 0 || value === 1 : Number.isFinite(value) && value >= 0
}
