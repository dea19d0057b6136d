import type { SliceFinding } from '../gate/slice-findings.ts'
import type { MetricVerdict, Verdict } from '../gate/verdict.ts'
import { formatDuration } from '../policy/units-of-measure.ts'
import { weightOf } from './build-split.ts'
import { activeWave, isOver, runningPhase } from './moves.ts'
import type { LastVerdict, Override, Phase, Revert, ReviewKind, Run, WaveState } from './run.ts'

export interface StageStatus {
  readonly name: string
  readonly candidateWeight: number
  readonly mark: 'done' | 'current' | 'waiting'
}

export interface WaveStatus {
  readonly id: string
  readonly status: WaveState['status']
  readonly stage: string | null
  readonly stageEntry: number
  /** What the candidate gets of this wave now, parts of 100000. */
  readonly candidateWeight: number
  readonly stages: readonly StageStatus[]
}

/** What a gate knows that is newer than its last verdict; from its snapshot, when there is one. */
export interface SnapshotView {
  readonly wave: string
  readonly stageEntry: number
  readonly reasonCode: string
  readonly reason: string
  readonly n: number
  readonly nRequired: number | null
  readonly etaAtMs: number | null
  readonly atMs: number
}

/** A gate's last word with its numbers, from its snapshot. */
export interface GateWord {
  readonly view: SnapshotView
  readonly verdict: Verdict
}

/** The one answer to "where, why, what next, when" that API, CLI and demo print. */
export interface RunStatus {
  readonly run: string
  readonly name: string
  readonly route: string
  readonly attempt: number
  readonly phase: Phase
  readonly decision: 'advance' | 'hold' | 'review' | 'rollback' | 'completed' | 'waiting'
  readonly decisionCode: string
  readonly decisionReason: string
  readonly wave: string
  readonly stage: string | null
  readonly stageEntry: number
  readonly candidateWeight: number
  readonly sinceMs: number
  readonly n: number | null
  readonly nRequired: number | null
  readonly next: string
  readonly etaAtMs: number | null
  /** When a gate last spoke about this stage entry; one that falls silent is seen by this standing still. */
  readonly gateAtMs: number | null
  /** Arrival time up to which its evidence is complete. */
  readonly watermarkMs: number | null
  /** Every test of this stage entry with its numbers; empty before a gate has spoken. */
  readonly metrics: readonly MetricVerdict[]
  /** Slices that a search proves worse; they propose and decide nothing. */
  readonly findings: readonly SliceFinding[]
  readonly waves: readonly WaveStatus[]
  readonly routers: readonly { readonly id: string; readonly acked: boolean }[]
  readonly epoch: number
  readonly awaitingApproval: ReviewKind | null
  readonly safeToAdvance: boolean
  readonly killed: boolean
  readonly kills: readonly string[]
  readonly parked: boolean
  readonly openLatches: readonly string[]
  readonly calibrated: boolean
  readonly overrides: readonly Override[]
  readonly lastRevert: Revert | null
  readonly lastRollbackReason: string | null
  readonly cooldownUntilMs: number | null
  readonly planHash: string
  readonly deviations: readonly string[]
}

interface Evidence {
  readonly code: string
  readonly reason: string
  readonly n: number
  readonly nRequired: number | null
  readonly etaAtMs: number | null
  readonly atMs: number
  readonly watermarkMs: number
  readonly metrics: readonly MetricVerdict[]
  readonly findings: readonly SliceFinding[]
}

/** The newest word of a gate about the present stage entry; words about earlier ones say nothing about this one. */
function evidenceOf(run: Run, word: GateWord | null): Evidence | null {
  const wave = activeWave(run)
  const last = run.state.lastVerdict
  const isPresent = (of: { readonly wave: string; readonly stageEntry: number } | null | undefined): boolean =>
    of?.wave === wave?.id && of?.stageEntry === wave?.stageEntry
  if (word !== null && isPresent(word.view) && (!isPresent(last) || word.view.atMs >= (last?.atMs ?? 0)))
    return evidenceFrom(word.view, word.verdict.frontierMs, word.verdict)
  return last !== null && isPresent(last) ? evidenceFrom(last, last.frontierMs, null) : null
}

function evidenceFrom(from: SnapshotView | LastVerdict, watermarkMs: number, verdict: Verdict | null): Evidence {
  const { reasonCode: code, reason, n, nRequired, etaAtMs, atMs } = from
  const [metrics, findings] = [verdict?.metrics ?? [], verdict?.findings ?? []]
  return { code, reason, n, nRequired, etaAtMs, atMs, watermarkMs, metrics, findings }
}

function decisionOf(run: Run): RunStatus['decision'] {
  switch (run.state.phase) {
    case 'completed':
      return 'completed'
    case 'rolled_back':
    case 'aborted':
      return 'rollback'
    case 'review':
      return 'review'
    case 'draft':
      return 'waiting'
    default:
      return activeWave(run)?.permitted === true && !run.state.parked && run.state.phase !== 'held' ? 'advance' : 'hold'
  }
}

function missingRouters(run: Run): readonly string[] {
  return run.spec.routers.filter((router) => !run.state.acked.includes(router))
}

function reasonOf(run: Run, evidence: Evidence | null): { code: string; reason: string } {
  const { phase, lastRevert, reasonCode, reason } = run.state
  if (phase === 'rolled_back' && lastRevert !== null) return { code: lastRevert.reasonCode, reason: lastRevert.reason }
  const running = phase === 'shadow' || phase === 'canary'
  const missing = missingRouters(run)
  if (running && activeWave(run)?.startedAtMs === null)
    return { code: 'WAITING_FOR_ROUTERS', reason: `waiting for the ack of ${missing.join(', ')}` }
  if (running && evidence !== null) return { code: evidence.code, reason: evidence.reason }
  if (running && weightOf(run, run.state.wave) === 100_000) {
    return { code: 'FULL_TRAFFIC', reason: 'all traffic; ends after the minimum duration without a breach' }
  }
  if (running) return { code: 'NO_VERDICT', reason: 'no verdict of a gate for this stage yet' }
  return { code: reasonCode, reason }
}

/** Where a permitted stage stands in time, or when the forecast says the evidence is there. */
function etaOf(run: Run, evidence: Evidence | null): number | null {
  const { phase, bakeUntilMs } = run.state
  if (phase === 'bake') return bakeUntilMs
  if (phase !== 'shadow' && phase !== 'canary') return null
  const wave = activeWave(run)
  const stage = run.spec.waves[run.state.wave]?.stages[wave?.stageIndex ?? -1]
  if (wave === undefined || stage === undefined || wave.startedAtMs === null) return null
  const earliest = wave.startedAtMs + stage.minDurationMs
  if (wave.permitted || stage.candidateWeight === 100_000) return earliest
  return evidence?.etaAtMs == null ? null : Math.max(evidence.etaAtMs, earliest)
}

function stepAfter(run: Run): string {
  const wave = activeWave(run)
  const stage = run.spec.waves[run.state.wave]?.stages[(wave?.stageIndex ?? -1) + 1]
  if (stage !== undefined) return `stage ${stage.name} of wave ${wave?.id ?? ''} (${stage.candidateWeight / 1000} %)`
  const nextWave = run.spec.waves[run.state.wave + 1]
  return nextWave === undefined ? `bake for ${formatDuration(run.spec.bakeMs)}` : `wave ${nextWave.id}`
}

function nextOf(run: Run, nowMs: number): string {
  const { phase, killed, parked, review, cooldownUntilMs, kills } = run.state
  if (phase === 'completed') return 'nothing; the candidate is the default'
  if (phase === 'aborted') return 'apply again'
  if (phase === 'rolled_back') {
    const waitMs = (cooldownUntilMs ?? 0) - nowMs
    const again =
      waitMs > 0
        ? `the same candidate may be applied again in ${formatDuration(waitMs)}`
        : 'the candidate may be applied again'
    return run.state.latches.some((id) => !run.state.released.includes(id))
      ? `${again}, or release the latch to go on`
      : again
  }
  if (killed) return `release kill ${kills.join(', ')}`
  if (phase === 'held')
    return parked ? 'resume enters the stage anew with fresh evidence' : `resume, then ${stepAfter(run)}`
  if (phase === 'review')
    return review === 'ack_rejected'
      ? 'repair the router, then resume, or reject'
      : `approve to go on${runningPhase(run) === 'bake' ? '' : ` to ${stepAfter(run)}`}, or reject to roll back`
  if (phase === 'bake') return 'completion when the bake ends without a breach'
  return phase === 'draft' ? 'the first stage, when the route is free' : stepAfter(run)
}

function markOf(wave: WaveState, index: number, completed: boolean): StageStatus['mark'] {
  if (completed || wave.status === 'finished' || index < wave.stageIndex) return 'done'
  return wave.status === 'active' && index === wave.stageIndex ? 'current' : 'waiting'
}

function wavesOf(run: Run): readonly WaveStatus[] {
  const completed = run.state.phase === 'completed'
  return run.state.waves.map((wave, at) => {
    const stages = run.spec.waves[at]?.stages ?? []
    return {
      id: wave.id,
      status: wave.status,
      stage: stages[wave.stageIndex]?.name ?? null,
      stageEntry: wave.stageEntry,
      candidateWeight: completed ? 100_000 : weightOf(run, at),
      stages: stages.map((stage, index) => ({
        name: stage.name,
        candidateWeight: stage.candidateWeight,
        mark: markOf(wave, index, completed),
      })),
    }
  })
}

/** The status of a run now. `word` is the gate's, newer than its last verdict; null when no snapshot of the run is known. */
export function status(run: Run, word: GateWord | null, nowMs: number): RunStatus {
  const { state } = run
  const evidence = evidenceOf(run, word)
  const { code, reason } = reasonOf(run, evidence)
  const wave = activeWave(run)
  const waves = wavesOf(run)
  return {
    run: run.id,
    name: run.spec.name,
    route: run.route,
    attempt: run.attempt,
    phase: state.phase,
    decision: decisionOf(run),
    decisionCode: code,
    decisionReason: reason,
    wave: wave?.id ?? '',
    stage: waves[state.wave]?.stage ?? null,
    stageEntry: wave?.stageEntry ?? 0,
    candidateWeight: waves[state.wave]?.candidateWeight ?? 0,
    sinceMs: state.since,
    n: evidence?.n ?? null,
    nRequired: evidence?.nRequired ?? null,
    next: nextOf(run, nowMs),
    etaAtMs: etaOf(run, evidence),
    gateAtMs: evidence?.atMs ?? null,
    watermarkMs: evidence?.watermarkMs ?? null,
    metrics: evidence?.metrics ?? [],
    findings: evidence?.findings ?? [],
    waves,
    routers: run.spec.routers.map((id) => ({ id, acked: state.acked.includes(id) })),
    epoch: state.epoch,
    awaitingApproval: state.review,
    safeToAdvance: wave?.permitted === true && !state.killed && !state.parked && !isOver(state.phase),
    killed: state.killed,
    kills: state.kills,
    parked: state.parked,
    openLatches: state.latches.filter((id) => !state.released.includes(id)),
    calibrated: state.frozen !== null,
    overrides: state.overrides,
    lastRevert: state.lastRevert,
    lastRollbackReason: state.lastRevert?.reason ?? null,
    cooldownUntilMs: state.cooldownUntilMs,
    planHash: run.plan.hash,
    deviations: run.spec.deviations,
  }
}
