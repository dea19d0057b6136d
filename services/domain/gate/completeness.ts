import type { Arm, Evidence, Resolution } from '../events/records.ts'

/** Legs that should have answered and those that did, per arm. Silence is our own loss, not the candidate's error: it holds the gate. */
export interface Completeness {
  readonly planned: Record<Arm, number>
  readonly heard: Record<Arm, number>
  /** Pairs alone: exchanges that lost the leg of this arm and no other. */
  readonly lostAlone: Record<Arm, number>
}

export function createCompleteness(): Completeness {
  const none = () => ({ baseline: 0, candidate: 0 })
  return { planned: none(), heard: none(), lostAlone: none() }
}

/** Legs that were never asked for are not sampled: they count neither as planned nor as lost. */
const notSampled: ReadonlySet<Resolution> = new Set([
  'skipped_budget',
  'skipped_policy',
  'skipped_backlog',
  'shadow_infrastructure',
])

/** Books one full-horizon record. For a single only its own arm counts. */
export function noteLegs(completeness: Completeness, evidence: Evidence): void {
  if (evidence.arm !== 'candidate') noteLeg(completeness, 'baseline', evidence.baseline_resolution)
  if (evidence.arm !== 'baseline') noteLeg(completeness, 'candidate', evidence.candidate_resolution)
  if (evidence.arm === null && !isNotSampled(evidence)) noteLoss(completeness, evidence)
}

function noteLeg(completeness: Completeness, arm: Arm, resolution: Resolution | null): void {
  if (resolution !== null && notSampled.has(resolution)) return
  completeness.planned[arm] += 1
  if (resolution !== null) completeness.heard[arm] += 1
}

function noteLoss({ lostAlone }: Completeness, evidence: Evidence): void {
  const [baseline, candidate] = [evidence.baseline_resolution === null, evidence.candidate_resolution === null]
  if (baseline !== candidate) lostAlone[candidate ? 'candidate' : 'baseline'] += 1
}

/** Share heard in the worse arm; null before anything was planned. */
export function worstShare(completeness: Completeness): number | null {
  const shares = (['baseline', 'candidate'] as const)
    .filter((arm) => completeness.planned[arm] > 0)
    .map((arm) => completeness.heard[arm] / completeness.planned[arm])
  return shares.length === 0 ? null : Math.min(...shares)
}

/** True when any leg of the record was not asked for, so that the record says nothing. */
export function isNotSampled(evidence: Evidence): boolean {
  return [evidence.baseline_resolution, evidence.candidate_resolution].some((r) => r !== null && notSampled.has(r))
}
