import type { Ack } from '../events/records.ts'
import { type Cause, move, noted, patched, unchanged } from './decide.ts'
import type { Transition } from './events.ts'
import { activeWave, toReview } from './moves.ts'
import { learnedFromAck } from './revert-times.ts'
import type { RolloutState, Run } from './run.ts'

function causeOf(run: Run, ack: Ack): Cause {
  return {
    id: `ack/${ack.router}/${ack.epoch}/${ack.outcome}/${run.state.revision}`,
    by: `router ${ack.router}`,
    command: null,
    verdict: null,
    times: { applied_at: ack.applied_at, acked_at: ack.sent_at },
  }
}

/** Counts acks of the present split; when all listed routers have applied it, the stage starts. A rejection goes before a person. */
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
  if (!startsStage(run)) return noted(run, { ...patch, acked }, 'ACKED', 'all routers have acked')
  const waves = after.state.waves.map((wave, index) =>
    index === after.state.wave ? { ...wave, startedAtMs: nowMs } : wave,
  )
  return move(
    run,
    patched(after, { waves }),
    cause,
    { code: 'STAGE_STARTED', text: `all ${acked.length} routers have acked epoch ${epoch}` },
    nowMs,
  )
}

/** The stage counts from now on also while held or in review, as long as its own weights are in force. */
function startsStage(run: Run): boolean {
  const { phase, parked, resumePhase } = run.state
  const inStage =
    phase === 'shadow' || phase === 'canary' || ((phase === 'held' || phase === 'review') && resumePhase !== 'bake')
  return inStage && !parked && activeWave(run)?.startedAtMs === null
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
  return toReview(
    run,
    causeOf(run, ack),
    'ack_rejected',
    { code: 'ACK_REJECTED', text: `${text}; repair it, then resume` },
    nowMs,
    { acked },
  )
}
