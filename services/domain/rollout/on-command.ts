import { assertNever } from '../outcome/assert-never.ts'
import { isCommandKind } from './commands.ts'
import { type Cause, move, refused, unchanged } from './decide.ts'
import type { RunEvent, Transition } from './events.ts'
import { advance, advanceFully, complete, isOver, rollBack, unpark, withOverride } from './moves.ts'
import { releaseLatch } from './on-brake.ts'
import { onVerdict } from './on-verdict.ts'
import { patched } from './patched.ts'
import { goOn, runningPhase, sendAgain } from './pause.ts'
import { readObject } from './payload.ts'
import type { Run } from './run.ts'
import { activeNames, activeWaves, onlyWave, withWave } from './waves.ts'

type CommandEvent = Extract<RunEvent, { kind: 'command' }>

/** Says what is stale about a command, or null. A wave and stage entry that a person left out mean the present ones, when there is one active wave. */
function staleness(run: Run, event: CommandEvent): string | null {
  const { wave: waveId, stage_entry: stageEntry, kind } = event.command
  if (kind === 'verdict' && (waveId === null || stageEntry === null))
    return 'a verdict has to name its wave and stage entry'
  const wave = waveId === null ? run.state.waves[onlyWave(run) ?? -1] : run.state.waves.find(({ id }) => id === waveId)
  if (wave === undefined) {
    if (waveId !== null) return `the run has no wave ${waveId}`
    return stageEntry === null ? null : `stage entry ${stageEntry} of which wave? Active are ${activeNames(run)}`
  }
  // Verdicts may speak of finished waves too: their guardrails stay armed. So may a person, of one that asked for it.
  const isOpen = wave.status === 'active' || wave.ask !== null || activeWaves(run).length === 0
  if (kind !== 'verdict' && !isOpen) return `wave ${wave.id} is not an active one`
  if (stageEntry !== null && stageEntry !== wave.stageEntry)
    return `made for stage entry ${stageEntry} of wave ${wave.id}, which is now at ${wave.stageEntry}`
  return null
}

/** The wave that a command is for: the one it names, else the only active one; null when that is not clear. */
function waveOf(run: Run, cause: Cause): number | null {
  const named = cause.command?.wave ?? null
  return named === null ? onlyWave(run) : run.state.waves.findIndex(({ id }) => id === named)
}

function whichWave(run: Run, cause: Cause, nowMs: number): Transition {
  const kind = cause.command?.kind ?? ''
  const text = `${kind} which wave? Name one of the active: ${activeNames(run)}`
  return refused(run, cause, 'AMBIGUOUS_WAVE', text, nowMs)
}

/** Handles a command once; whatever does not fit is refused with the reason and put on the record. */
export function onCommand(run: Run, event: CommandEvent, nowMs: number): Transition {
  const { command } = event
  if (run.state.handled.includes(command.id))
    return unchanged(run, 'DUPLICATE', `command ${command.id} was handled before`)
  const cause: Cause = {
    id: `command/${command.id}`,
    by: command.by,
    command,
    verdict: null,
    times: { commanded_at: command.at },
  }
  const { kind } = command
  if (!isCommandKind(kind))
    return refused(run, cause, 'UNKNOWN_KIND', `no command is called ${JSON.stringify(kind)}`, nowMs)
  if (kind === 'apply')
    return refused(run, cause, 'RUN_EXISTS', `run ${run.id} exists; run ids are never used again`, nowMs)
  const stale = staleness(run, event)
  if (stale !== null) return refused(run, cause, 'STALE', stale, nowMs)
  switch (kind) {
    case 'verdict':
      return onVerdict(run, command, cause, nowMs)
    case 'promote':
      return promote(run, cause, command.payload, nowMs)
    case 'hold':
      return hold(run, cause, nowMs)
    case 'resume':
      return resume(run, cause, nowMs)
    case 'rollback':
      return rollBackByPerson(run, cause, nowMs)
    case 'approve':
      return approve(run, cause, nowMs)
    case 'reject':
      return reject(run, cause, nowMs)
    case 'release':
      return releaseLatch(run, cause, command.payload, event.successor, nowMs)
    default:
      return assertNever(kind, 'command kind')
  }
}

function statedReason(cause: Cause): string {
  return cause.command?.reason === undefined || cause.command.reason === ''
    ? `by ${cause.by}`
    : `${cause.command.reason} (${cause.by})`
}

/** Why nobody may move this run forward now, or null. */
function blocked(run: Run): { code: string; text: string } | null {
  const { phase, killed, parked, kills } = run.state
  if (phase === 'draft') return { code: 'NOT_STARTED', text: 'the run has not started yet' }
  if (isOver(phase)) return { code: 'RUN_OVER', text: `the run is ${phase}; apply a new rollout` }
  if (killed) return { code: 'KILLED', text: `kill ${kills.join(', ')} is open; release it first` }
  if (parked)
    return { code: 'PARKED', text: 'the weights are 0 after a brake; resume first, which enters the stage anew' }
  return null
}

function promote(run: Run, cause: Cause, payload: string, nowMs: number): Transition {
  const read = readObject(payload)
  if (!read.ok) return refused(run, cause, 'INVALID_PAYLOAD', read.problem, nowMs)
  const full = read.value['full'] ?? false
  if (typeof full !== 'boolean')
    return refused(run, cause, 'INVALID_PAYLOAD', 'promote: full is not true or false', nowMs)
  const block = blocked(run)
  if (block !== null) return refused(run, cause, block.code, block.text, nowMs)
  if (runningPhase(run) === 'bake')
    return complete(run, cause, `${statedReason(cause)} (manual, outside the error budget)`, nowMs, true)
  if (full) return advanceFully(run, cause, statedReason(cause), nowMs)
  const index = waveOf(run, cause)
  if (index === null) return whichWave(run, cause, nowMs)
  if (run.state.waves[index]?.status !== 'active')
    return refused(run, cause, 'WAVE_FINISHED', `wave ${run.state.waves[index]?.id ?? ''} has no stage left`, nowMs)
  return advance(run, index, cause, statedReason(cause), nowMs, true)
}

function hold(run: Run, cause: Cause, nowMs: number): Transition {
  const { phase } = run.state
  if (phase !== 'shadow' && phase !== 'canary' && phase !== 'bake') {
    return refused(run, cause, 'NOT_RUNNING', `a run that is ${phase} cannot be held`, nowMs)
  }
  const text = `held: ${statedReason(cause)}; weights stay, guardrails stay armed`
  const after = patched(run, { phase: 'held', resumePhase: phase })
  return move(run, after, cause, { code: 'HELD', text }, nowMs)
}

function resume(run: Run, cause: Cause, nowMs: number): Transition {
  const { phase, killed, kills, parked, review } = run.state
  if (killed) return refused(run, cause, 'KILLED', `kill ${kills.join(', ')} is open; release it first`, nowMs)
  if (phase === 'held')
    return parked
      ? unpark(run, cause, nowMs)
      : goOn(run, cause, { code: 'RESUMED', text: `resumed: ${statedReason(cause)}` }, nowMs)
  if (phase === 'review' && review === 'ack_rejected') {
    return sendAgain(run, cause, { code: 'RESUMED', text: `split sent again: ${statedReason(cause)}` }, nowMs)
  }
  if (phase === 'review') return refused(run, cause, 'AWAITING_APPROVAL', 'the run waits for approve or reject', nowMs)
  return refused(run, cause, 'NOT_HELD', `the run is ${phase}, not held`, nowMs)
}

function rollBackByPerson(run: Run, cause: Cause, nowMs: number): Transition {
  const { phase } = run.state
  if (phase === 'completed') {
    return refused(
      run,
      cause,
      'RUN_OVER',
      `completed: ${run.spec.baseline.id} is retired; apply a new rollout to go back to it`,
      nowMs,
    )
  }
  if (isOver(phase)) return refused(run, cause, 'RUN_OVER', `the run is ${phase} already`, nowMs)
  return rollBack(
    run,
    cause,
    { code: 'ROLLED_BACK_MANUALLY', text: `rolled back: ${statedReason(cause)}` },
    nowMs,
    null,
  )
}

function approve(run: Run, cause: Cause, nowMs: number): Transition {
  const { phase, review, resumePhase, killed } = run.state
  if (phase !== 'review') return refused(run, cause, 'NOTHING_TO_APPROVE', `the run is ${phase}, not in review`, nowMs)
  if (killed) return refused(run, cause, 'KILLED', 'a kill is open; release it first', nowMs)
  if (review === 'ack_rejected')
    return refused(run, cause, 'ACK_REJECTED', 'a router refused the split; repair it, then resume', nowMs)
  const asking = run.state.waves.filter(({ ask }) => ask !== null).map(({ id }) => id)
  const index = waveOf(run, cause)
  if (index === null) return whichWave(run, cause, nowMs)
  const wave = run.state.waves[index]
  if (wave?.ask == null) {
    const text = `wave ${wave?.id ?? ''} asks for nothing; it is wave ${asking.join(', ')} that waits: name it`
    return refused(run, cause, 'NOTHING_TO_APPROVE', text, nowMs)
  }
  const override = wave.ask.kind !== 'approval'
  if (wave.status === 'active') return advance(run, index, cause, `approved: ${statedReason(cause)}`, nowMs, override)
  // A finished wave has nowhere to go on to: the bake, or the other waves, do.
  const labelled = override ? withOverride(run, index, cause, nowMs) : run
  const text = `approved${resumePhase === 'bake' ? ', bake starts again' : ''}: ${statedReason(cause)}`
  return goOn(withWave(labelled, index, { ask: null }), cause, { code: 'APPROVED', text }, nowMs)
}

function reject(run: Run, cause: Cause, nowMs: number): Transition {
  if (run.state.phase !== 'review')
    return refused(run, cause, 'NOTHING_TO_REJECT', `the run is ${run.state.phase}, not in review`, nowMs)
  return rollBack(run, cause, { code: 'REJECTED', text: `rejected: ${statedReason(cause)}` }, nowMs, null)
}
