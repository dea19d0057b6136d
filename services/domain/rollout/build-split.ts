import type { Rule, ShadowShares, Split } from '../events/records.ts'
import { runSalt } from './candidate-hash.ts'
import type { Run, WaveState } from './run.ts'
import type { StageSpec } from './spec.ts'

/** The stage a wave stands in; null while it waits. */
export function stageOf(run: Run, index: number): StageSpec | null {
  const wave = run.state.waves[index]
  const spec = run.spec.waves[index]
  if (wave === undefined || spec === undefined || wave.status === 'waiting') return null
  return spec.stages[wave.stageIndex] ?? null
}

function servesCandidate(run: Run): boolean {
  const { phase, parked } = run.state
  return (
    !parked && (phase === 'shadow' || phase === 'canary' || phase === 'bake' || phase === 'held' || phase === 'review')
  )
}

/** The weight (parts of 100000) that a wave's rule carries now: its stage's, and 0 in every state in which the candidate must get nothing. */
export function weightOf(run: Run, index: number): number {
  return servesCandidate(run) ? (stageOf(run, index)?.candidateWeight ?? 0) : 0
}

function rulesOf(run: Run): Rule[] {
  return run.spec.waves.map((wave, index) => ({
    id: wave.id,
    wave: wave.id,
    match: wave.match,
    candidate_weight: weightOf(run, index),
  }))
}

function shadowOf(run: Run): ShadowShares | null {
  if (!servesCandidate(run)) return null
  const { shadow } = run.spec
  if (shadow.share === 0) return null
  return {
    share: shadow.share,
    second_leg_share: shadow.secondLegShare,
    counterfactual_share: shadow.counterfactualShare ?? 0,
    segment_shares: shadow.segmentShares ?? {},
    deadline_ms: shadow.deadlineMs,
    leg_timeout_ms: run.spec.legTimeoutMs,
    budgets: { ...shadow.budgetLimits, micro_usd: shadow.budgetMicroUsd, calls: shadow.budgetCalls },
    salt: runSalt(run.id, 'shadow'),
  }
}

/** `hold` only when every weighted wave's stage says so: the careful answer wins where waves differ. */
function onLapseOf(run: Run): string {
  const weighted = run.spec.waves.flatMap((_, index) => (weightOf(run, index) > 0 ? [stageOf(run, index)] : []))
  return weighted.length > 0 && weighted.every((stage) => stage?.onLapse === 'hold') ? 'hold' : 'baseline'
}

function perWave<T>(run: Run, value: (wave: WaveState, index: number) => T): Record<string, T> {
  return Object.fromEntries(run.state.waves.map((wave, index) => [wave.id, value(wave, index)]))
}

/**
 * The split that says what the run's state means for its route. After completion the former candidate is the only variant and the
 * split belongs to no run, so that no latch, kill, lease or retired baseline has anything left to act on.
 */
export function buildSplit(run: Run, epoch: number, decisionId: string, nowMs: number): Split {
  const { spec, state } = run
  const frame = {
    route: run.route,
    epoch,
    sticky_key: spec.stickyKey,
    salt: runSalt(run.id, 'split'),
    routers: spec.routers,
    written_at: nowMs,
    decision_id: decisionId,
  }
  if (state.phase === 'completed') {
    return {
      ...frame,
      run: null,
      default_variant: spec.candidate.id,
      variants: [spec.candidate],
      rules: [],
      stage_entries: {},
      stages: {},
      shadow: null,
      lease_ms: null,
      on_lapse: 'baseline',
      releases: [],
    }
  }
  const rules = rulesOf(run)
  return {
    ...frame,
    run: run.id,
    default_variant: spec.baseline.id,
    variants: [spec.baseline, spec.candidate],
    rules,
    stage_entries: perWave(run, (wave) => wave.stageEntry),
    stages: perWave(run, (_, index) => stageOf(run, index)?.name ?? 'waiting'),
    shadow: shadowOf(run),
    lease_ms: rules.some((rule) => rule.candidate_weight > 0) ? spec.leaseMs : null,
    on_lapse: onLapseOf(run),
    releases: state.released,
  }
}
