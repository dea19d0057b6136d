import type { SliceFinding } from '../gate/slice-findings.ts'
import type { MetricVerdict, Verdict } from '../gate/verdict.ts'
import { formatDuration } from '../policy/units-of-measure.ts'
import { weightOf } from './build-split.ts'
import { isOver } from './moves.ts'
import { runningPhase } from './pause.ts'
import type { Ask, LastVerdict, Override, Phase, Revert, ReviewKind, Run, WaveState } from './run.ts'
import { activeWaves, onlyWave } from './waves.ts'

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
  /** What its gate says of its present stage entry; null where nothing is to be decided: not active, and not asking for a person. */
  readonly decision: 'advance' | 'hold' | 'review' | null
  readonly decisionCode: string | null
  readonly decisionReason: string | null
  readonly n: number | null
  readonly nRequired: number | null
  readonly etaAtMs: number | null
  readonly gateAtMs: number | null
  readonly awaitingApproval: Ask['kind'] | null
}

/** What a gate knows of a wave that is newer than its last verdict; from its snapshot, when there is one. */
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

/** A gate's last word about a wave with its numbers, from its snapshot. */
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
  /** The wave that this answer speaks of: the one that asks for a person, else the only active one, else the first active one. */
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
  /** The wave that waits for a person; null when the run itself does, or nobody. */
  readonly awaitingWave: string | null
  /** Some active wave has its permission. */
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

/** The newest word of a gate about a wave's present stage entry; words about earlier ones say nothing about this one. */
function evidenceOf(wave: WaveState | undefined, words: readonly GateWord[]): Evidence | null {
  const isPresent = (of: { readonly wave: string; readonly stageEntry: number } | null | undefined): boolean =>
    of?.wave === wave?.id && of?.stageEntry === wave?.stageEntry
  const word = words.find(({ view }) => isPresent(view))
  const last = wave?.lastVerdict ?? null
  if (word !== undefined && (!isPresent(last) || word.view.atMs >= (last?.atMs ?? 0)))
    return evidenceFrom(word.view, word.verdict.frontierMs, word.verdict)
  return last !== null && isPresent(last) ? evidenceFrom(last, last.frontierMs, null) : null
}

/** The wave that the whole answer speaks of. */
function spokenOf(run: Run): number {
  const asking = run.state.waves.findIndex(({ id }) => id === run.state.reviewWave)
  return asking === -1 ? (onlyWave(run) ?? activeWaves(run)[0] ?? 0) : asking
}

function evidenceFrom(from: SnapshotView | LastVerdict, watermarkMs: number, verdict: Verdict | null): Evidence {
  const { reasonCode: code, reason, n, nRequired, etaAtMs, atMs } = from
  const [metrics, findings] = [verdict?.metrics ?? [], verdict?.findings ?? []]
  return { code, reason, n, nRequired, etaAtMs, atMs, watermarkMs, metrics, findings }
}

function decisionOf(run: Run, wave: WaveState | undefined): RunStatus['decision'] {
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
      return wave?.permitted === true && !run.state.parked && run.state.phase !== 'held' ? 'advance' : 'hold'
  }
}

function missingRouters(run: Run): readonly string[] {
  return run.spec.routers.filter((router) => !run.state.acked.includes(router))
}

interface Why {
  readonly code: string
  readonly reason: string
}

function reasonOf(run: Run, index: number, evidence: Evidence | null): Why {
  const { phase, lastRevert, reasonCode, reason } = run.state
  if (phase === 'rolled_back' && lastRevert !== null) return { code: lastRevert.reasonCode, reason: lastRevert.reason }
  const ask = run.state.waves[index]?.ask
  if (phase === 'review' && run.state.reviewWave !== null && ask != null)
    return { code: ask.reasonCode, reason: ask.reason }
  if (phase === 'shadow' || phase === 'canary') return waveReason(run, index, evidence)
  return { code: reasonCode, reason }
}

/** Why a wave stands where it stands. */
function waveReason(run: Run, index: number, evidence: Evidence | null): Why {
  if (run.state.waves[index]?.startedAtMs === null)
    return { code: 'WAITING_FOR_ROUTERS', reason: `waiting for the ack of ${missingRouters(run).join(', ')}` }
  if (evidence !== null) return { code: evidence.code, reason: evidence.reason }
  if (weightOf(run, index) === 100_000)
    return { code: 'FULL_TRAFFIC', reason: 'all traffic; ends after the minimum duration without a breach' }
  return { code: 'NO_VERDICT', reason: 'no verdict of a gate for this stage yet' }
}

/** When a permitted stage may end, or when the forecast says that the evidence is there. */
function waveEta(run: Run, index: number, evidence: Evidence | null): number | null {
  const { phase } = run.state
  if (phase !== 'shadow' && phase !== 'canary') return null
  const wave = run.state.waves[index]
  const stage = run.spec.waves[index]?.stages[wave?.stageIndex ?? -1]
  if (wave === undefined || stage === undefined || wave.startedAtMs === null || wave.status !== 'active') return null
  const earliest = wave.startedAtMs + stage.minDurationMs
  if (wave.permitted || stage.candidateWeight === 100_000) return earliest
  return evidence?.etaAtMs == null ? null : Math.max(evidence.etaAtMs, earliest)
}

/** The next step of the run: of whichever wave is expected first. */
function etaOf(run: Run, waves: readonly WaveStatus[]): number | null {
  if (run.state.phase === 'bake') return run.state.bakeUntilMs
  const expected = waves.flatMap(({ etaAtMs }) => (etaAtMs === null ? [] : [etaAtMs]))
  return expected.length === 0 ? null : Math.min(...expected)
}

function stepAfter(run: Run, index: number): string {
  const wave = run.state.waves[index]
  const stage = run.spec.waves[index]?.stages[(wave?.stageIndex ?? -1) + 1]
  if (stage !== undefined) return `stage ${stage.name} of wave ${wave?.id ?? ''} (${stage.candidateWeight / 1000} %)`
  if (activeWaves(run).some((other) => other !== index)) return `the end of wave ${wave?.id ?? ''}`
  const waiting = run.state.waves.find(({ status }) => status === 'waiting')
  return waiting === undefined ? `bake for ${formatDuration(run.spec.bakeMs)}` : `wave ${waiting.id}`
}

/** One step, or one for each wave that goes its own way. */
function stepsAfter(run: Run): string {
  const active = activeWaves(run)
  return active.length > 1
    ? active.map((index) => stepAfter(run, index)).join('; ')
    : stepAfter(run, active[0] ?? onlyWave(run) ?? 0)
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
    return parked ? 'resume enters the stage anew with fresh evidence' : `resume, then ${stepsAfter(run)}`
  if (phase === 'review')
    return review === 'ack_rejected' ? 'repair the router, then resume, or reject' : nextOfReview(run)
  if (phase === 'bake') return 'completion when the bake ends without a breach'
  return phase === 'draft' ? 'the first stage, when the route is free' : stepsAfter(run)
}

function nextOfReview(run: Run): string {
  const index = spokenOf(run)
  const wave = run.state.waves[index]
  const isActive = wave?.status === 'active' && runningPhase(run) !== 'bake'
  // With several waves an approval has to say which.
  const which = activeWaves(run).length > 1 ? ` wave ${wave?.id ?? ''}` : ''
  return `approve${which} to go on${isActive ? ` to ${stepAfter(run, index)}` : ''}, or reject to roll back`
}

function markOf(wave: WaveState, index: number, completed: boolean): StageStatus['mark'] {
  if (completed || wave.status === 'finished' || index < wave.stageIndex) return 'done'
  return wave.status === 'active' && index === wave.stageIndex ? 'current' : 'waiting'
}

function waveDecision(run: Run, wave: WaveState): WaveStatus['decision'] {
  if (isOver(run.state.phase) || run.state.parked) return null
  if (wave.ask !== null) return 'review'
  if (wave.status !== 'active') return null
  return wave.permitted && run.state.phase !== 'held' ? 'advance' : 'hold'
}

function waveStatus(run: Run, index: number, wave: WaveState, evidence: Evidence | null): WaveStatus {
  const completed = run.state.phase === 'completed'
  const stages = run.spec.waves[index]?.stages ?? []
  const decision = waveDecision(run, wave)
  const why = wave.ask === null ? waveReason(run, index, evidence) : { ...wave.ask, code: wave.ask.reasonCode }
  return {
    id: wave.id,
    status: wave.status,
    stage: stages[wave.stageIndex]?.name ?? null,
    stageEntry: wave.stageEntry,
    candidateWeight: completed ? 100_000 : weightOf(run, index),
    stages: stages.map((stage, at) => ({
      name: stage.name,
      candidateWeight: stage.candidateWeight,
      mark: markOf(wave, at, completed),
    })),
    decision,
    decisionCode: decision === null ? null : why.code,
    decisionReason: decision === null ? null : why.reason,
    n: evidence?.n ?? null,
    nRequired: evidence?.nRequired ?? null,
    etaAtMs: waveEta(run, index, evidence),
    gateAtMs: evidence?.atMs ?? null,
    awaitingApproval: wave.ask?.kind ?? null,
  }
}

/** The status of a run now. `words` are the gate's, one for each wave, newer than its last verdicts; empty when no snapshot of the run is known. */
export function status(run: Run, words: readonly GateWord[], nowMs: number): RunStatus {
  const { state } = run
  const spoken = spokenOf(run)
  const wave = state.waves[spoken]
  const evidence = evidenceOf(wave, words)
  const { code, reason } = reasonOf(run, spoken, evidence)
  const waves = state.waves.map((each, index) => waveStatus(run, index, each, evidenceOf(each, words)))
  return {
    run: run.id,
    name: run.spec.name,
    route: run.route,
    attempt: run.attempt,
    phase: state.phase,
    decision: decisionOf(run, wave),
    decisionCode: code,
    decisionReason: reason,
    wave: wave?.id ?? '',
    stage: waves[spoken]?.stage ?? null,
    stageEntry: wave?.stageEntry ?? 0,
    candidateWeight: waves[spoken]?.candidateWeight ?? 0,
    sinceMs: state.since,
    n: evidence?.n ?? null,
    nRequired: evidence?.nRequired ?? null,
    next: nextOf(run, nowMs),
    etaAtMs: etaOf(run, waves),
    gateAtMs: evidence?.atMs ?? null,
    watermarkMs: evidence?.watermarkMs ?? null,
    metrics: evidence?.metrics ?? [],
    findings: evidence?.findings ?? [],
    waves,
    routers: run.spec.routers.map((id) => ({ id, acked: state.acked.includes(id) })),
    epoch: state.epoch,
    awaitingApproval: state.review,
    awaitingWave: state.reviewWave,
    safeToAdvance: isSafe(run, spoken),
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

function isSafe({ state }: Run, spoken: number): boolean {
  const permitted = state.waves.some((wave, index) => (wave.status === 'active' || index === spoken) && wave.permitted)
  return permitted && !state.killed && !state.parked && !isOver(state.phase)
}
