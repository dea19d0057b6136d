import type { Ack } from '../events/records.ts'
import { type Cause, move, noted, unchanged } from './decide.ts'
import type { Transition } from './events.ts'
import { patched } from './patched.ts'
import { toRepair } from './pause.ts'
import { learnedFromAck } from './revert-times.ts'
import type { RolloutState, Run } from './run.ts'
import { activeWaves } from './waves.ts'

function causeOf(run: Run, ack: Ack): Cause {
  return {
    id: `ack/${ack.router}/${ack.epoch}/${ack.outcome}/${run.state.revision}`,
    by: `router ${ack.router}`,
    command: null,
    verdict: null,
    times: { applied_at: ack.applied_at, acked_at: ack.sent_at },
  }
}

/** Counts acks of the present split; when all listed routers have applied it, every stage that waits for them starts. A rejection goes before a person. */
export function onAck(run: Run, ack: Ack, nowMs: number): Transition {
  if (ack.route !== run.route || !run.spec.routers.includes(ack.router))
    return unchanged(run, 'OTHER_ROUTER', `router ${ack.router} is not listed`)
  if (run.state.phase === 'draft') return unchanged(run, 'NOT_STARTED', 'no split has been written')
  const learned = learnedFromAck(run, ack)
  if (ack.epoch !== run.state.epoch) {
    return learned === null
      ? unchanged(run, 'OTHER_EPOCH', `ack of epoch ${ack.epoch}`)
      : noted(run, learned, 'BRAKE_SEEN', `${ack.router} applied ${ack.brakes.join(', ')}`)
  }
  if (ack.outcome === 'rejected') return rejected(run, ack, nowMs)
  if (ack.outcome !== 'applied') return unchanged(run, 'UNKNOWN_OUTCOME', `ack outcome ${ack.outcome} is not known`)
  if (run.state.acked.includes(ack.router))
    return learned === null
      ? unchanged(run, 'DUPLICATE', 'counted before')
      : noted(run, learned, 'BRAKE_SEEN', `${ack.router} applied ${ack.brakes.join(', ')}`)
  return counted(run, ack, learned ?? {}, nowMs)
}

function counted(run: Run, ack: Ack, patch: Partial<RolloutState>, nowMs: number): Transition {
  const acked = [...run.state.acked, ack.router]
  const after = patched(run, { ...patch, acked })
  const missing = run.spec.routers.filter((router) => !acked.includes(router))
  if (missing.length > 0) return noted(run, { ...patch, acked }, 'ACKED', `waiting for ${missing.join(', ')}`)
  const { phase, epoch } = run.state
  const cause = { ...causeOf(run, ack), id: `acked/${epoch}/${run.state.revision}` }
  if (phase === 'rolled_back') {
    const times = Object.fromEntries(
      Object.entries(after.state.lastRevert?.routersMs ?? {}).map(([router, atMs]) => [`acked_${router}`, atMs]),
    )
    return move(run, after, cause, { code: 'REVERT_ACKED', text: 'all routers have applied the revert' }, nowMs, {
      times: { ...revertTimes(after), ...times },
    })
  }
  const starting = stagesToStart(run)
  if (starting.length === 0) return noted(run, { ...patch, acked }, 'ACKED', 'all routers have acked')
  // Waves that run already keep their start: the split says of them what it said before.
  const waves = after.state.waves.map((wave, index) =>
    starting.includes(index) ? { ...wave, startedAtMs: nowMs } : wave,
  )
  const text = `all ${acked.length} routers have acked epoch ${epoch}${startedText(run, starting)}`
  const [wave] = starting
  return move(run, patched(after, { waves }), cause, { code: 'STAGE_STARTED', text }, nowMs, {
    ...(wave === undefined || starting.length > 1 ? {} : { wave }),
  })
}

function startedText(run: Run, starting: readonly number[]): string {
  const names = starting.map((index) => run.state.waves[index]?.id ?? '')
  return activeWaves(run).length > 1 ? `: started in ${names.join(', ')}` : ''
}

/** Active waves whose stage has not started. It counts from now on also while held or in review, as long as its own weights are in force. */
function stagesToStart(run: Run): readonly number[] {
  const { phase, parked, resumePhase, waves } = run.state
  const inStage =
    phase === 'shadow' || phase === 'canary' || ((phase === 'held' || phase === 'review') && resumePhase !== 'bake')
  return inStage && !parked ? activeWaves(run).filter((index) => waves[index]?.startedAtMs === null) : []
}

function revertTimes(run: Run): Record<string, number> {
  const { lastRevert } = run.state
  const times: Record<string, number> = {}
  if (lastRevert?.breachedAtMs != null) times['breached_at'] = lastRevert.breachedAtMs
  if (lastRevert?.latchWrittenAtMs != null) times['latch_written_at'] = lastRevert.latchWrittenAtMs
  if (lastRevert !== null) times['reverted_at'] = lastRevert.seenAtMs
  return times
}

function rejected(run: Run, ack: Ack, nowMs: number): Transition {
  const { phase, review } = run.state
  const acked = run.state.acked.filter((router) => router !== ack.router)
  const text = `router ${ack.router} rejected epoch ${ack.epoch}: ${ack.code ?? 'no code'}`
  if (phase === 'review' && review === 'ack_rejected') return unchanged(run, 'DUPLICATE', text)
  // Without weight there is nothing to be afraid of in a state that a person has to end anyway.
  if (
    phase === 'held' ||
    phase === 'rolled_back' ||
    phase === 'completed' ||
    phase === 'aborted' ||
    phase === 'draft'
  ) {
    return run.state.reasonCode === 'ACK_REJECTED'
      ? unchanged(run, 'DUPLICATE', text)
      : move(run, patched(run, { acked }), causeOf(run, ack), { code: 'ACK_REJECTED', text }, nowMs)
  }
  const reason = { code: 'ACK_REJECTED', text: `${text}; repair it, then resume` }
  return toRepair(run, causeOf(run, ack), reason, nowMs, acked)
}
