import type { Kill, Latch } from '../events/records.ts'
import { type Cause, move, noted, refused, unchanged } from './decide.ts'
import type { Transition } from './events.ts'
import { isOver, park, rollBack } from './moves.ts'
import { patched } from './patched.ts'
import { runningPhase } from './pause.ts'
import { readObject } from './payload.ts'
import { routersLatchedMs } from './revert-times.ts'
import type { RolloutState, Run } from './run.ts'

/** Ids of brakes a run remembers; one more is still acted upon. */
const brakesMax = 200

/** Epochs above this cannot be counted up exactly; a kill that names one is wrong and binds by its id alone. */
const epochMax = 2 ** 52

/** A latch of any trusted writer ends the run's traffic at once, whatever state it is in. After completion nothing is left to take back. */
export function onLatch(run: Run, latch: Latch, nowMs: number): Transition {
  if (latch.run !== run.id) return unchanged(run, 'OTHER_RUN', `latch ${latch.id} belongs to run ${latch.run}`)
  const { latches, released, phase } = run.state
  if (latches.includes(latch.id) || released.includes(latch.id))
    return unchanged(run, 'DUPLICATE', `latch ${latch.id} is known`)
  const cause: Cause = {
    id: `latch/${latch.id}`,
    by: latch.by,
    command: null,
    verdict: null,
    times: { breached_at: latch.breached_at, latch_written_at: latch.written_at },
  }
  const known = patched(run, { latches: [...latches, latch.id].slice(-brakesMax) })
  if (phase === 'completed') {
    return move(
      run,
      known,
      cause,
      {
        code: 'LATCH_AFTER_COMPLETION',
        text: `latch ${latch.id} after completion changes no routing: ${latch.reason}`,
      },
      nowMs,
    )
  }
  if (isOver(phase))
    return move(run, named(known, latch), cause, { code: 'LATCHED', text: `latch ${latch.id}: ${latch.reason}` }, nowMs)
  return rollBack(
    known,
    cause,
    { code: 'LATCHED', text: `rolled back by latch of ${latch.by}: ${latch.reason}` },
    nowMs,
    latch.id,
  )
}

/** A verdict may be faster than the latch it speaks of: the times of the revert are the latch's. */
function named(run: Run, latch: Latch): Run {
  const { lastRevert } = run.state
  if (lastRevert === null) return run
  const routersMs = routersLatchedMs(run.state, lastRevert.routersMs)
  if (lastRevert.latch !== null && lastRevert.latch !== latch.id)
    return patched(run, { lastRevert: { ...lastRevert, routersMs } })
  return patched(run, {
    lastRevert: {
      ...lastRevert,
      routersMs,
      latch: latch.id,
      breachedAtMs: latch.breached_at,
      latchWrittenAtMs: latch.written_at,
    },
  })
}

/** A kill binds all runs of its route (or of all routes); its end leaves them held at 0 until a person resumes. */
export function onKill(run: Run, kill: Kill, nowMs: number): Transition {
  if (kill.route !== '*' && kill.route !== run.route)
    return unchanged(run, 'OTHER_ROUTE', `kill ${kill.id} is for route ${kill.route}`)
  if (run.state.phase === 'completed' || run.state.phase === 'aborted')
    return unchanged(run, 'RUN_OVER', `the run is ${run.state.phase}`)
  return kill.released_at === null ? killed(run, kill, nowMs) : killEnded(run, kill, kill.released_at, nowMs)
}

function killed(run: Run, kill: Kill, nowMs: number): Transition {
  const { kills, endedKills, phase } = run.state
  if (kills.includes(kill.id)) return unchanged(run, 'DUPLICATE', `kill ${kill.id} is known`)
  if ((endedKills[kill.id] ?? -1) >= kill.written_at) return unchanged(run, 'OUTDATED', `kill ${kill.id} has ended`)
  const cause: Cause = {
    id: `kill/${kill.id}/${kill.written_at}`,
    by: kill.by,
    command: null,
    verdict: null,
    times: { kill_written_at: kill.written_at },
  }
  const patch: Partial<RolloutState> = { kills: [...kills, kill.id], killed: true }
  const reason = { code: 'KILLED', text: `kill ${kill.id} of ${kill.by}: ${kill.reason}` }
  if (phase === 'draft' || isOver(phase)) return move(run, patched(run, patch), cause, reason, nowMs)
  return park(run, cause, reason, nowMs, patch)
}

function killEnded(run: Run, kill: Kill, releasedAtMs: number, nowMs: number): Transition {
  const { kills, endedKills, phase, epoch } = run.state
  if ((endedKills[kill.id] ?? -1) >= releasedAtMs)
    return unchanged(run, 'DUPLICATE', `the end of kill ${kill.id} is known`)
  const minEpoch = kill.min_epoch[run.route] ?? 0
  const left = kills.filter((id) => id !== kill.id)
  const patch: Partial<RolloutState> = {
    kills: left,
    killed: left.length > 0,
    endedKills: Object.fromEntries([...Object.entries(endedKills), [kill.id, releasedAtMs] as const].slice(-brakesMax)),
    epoch: minEpoch > epoch && minEpoch < epochMax ? Math.ceil(minEpoch) : epoch,
  }
  const cause: Cause = {
    id: `kill/${kill.id}/ended/${releasedAtMs}`,
    by: kill.by,
    command: null,
    verdict: null,
    times: { kill_written_at: kill.written_at, kill_released_at: releasedAtMs },
  }
  if (!kills.includes(kill.id)) return bypassed(run, patch, minEpoch, cause, nowMs)
  const reason =
    left.length > 0
      ? { code: 'KILLED', text: `kill ${kill.id} ended, ${left.join(', ')} still open` }
      : { code: 'KILL_RELEASED', text: `kill ${kill.id} ended by ${kill.by}; weights stay 0 until a person resumes` }
  if (phase === 'draft' || isOver(phase)) return move(run, patched(run, patch), cause, reason, nowMs)
  return park(run, cause, reason, nowMs, patch)
}

/** The end of a kill that this run never saw open. Routers keep its splits up to min_epoch at 0, so a running one is parked like after any kill. */
function bypassed(run: Run, patch: Partial<RolloutState>, minEpoch: number, cause: Cause, nowMs: number): Transition {
  if (runningPhase(run) === null || isOver(run.state.phase) || minEpoch < run.state.epoch || minEpoch >= epochMax) {
    return noted(run, patch, 'KILL_RELEASED', 'the end of a kill that did not touch this run')
  }
  return park(
    run,
    cause,
    { code: 'KILL_RELEASED', text: 'a kill began and ended unseen; weights are 0 until a person resumes' },
    nowMs,
    patch,
  )
}

/** Lifts a latch. With none left the run is held at weight 0; a person's resume then enters the stage anew. */
export function releaseLatch(
  run: Run,
  cause: Cause,
  payload: string,
  successor: string | null,
  nowMs: number,
): Transition {
  const read = readObject(payload)
  const latch = read.ok ? read.value['latch'] : undefined
  if (typeof latch !== 'string')
    return refused(run, cause, 'INVALID_PAYLOAD', 'release: latch has to name the latch', nowMs)
  const { phase, latches, released } = run.state
  if (released.includes(latch)) return refused(run, cause, 'RELEASED', `latch ${latch} is released already`, nowMs)
  if (!latches.includes(latch)) return refused(run, cause, 'NO_SUCH_LATCH', `the run has no latch ${latch}`, nowMs)
  if (phase !== 'rolled_back')
    return refused(run, cause, 'RUN_OVER', `the run is ${phase}; only a rolled back run is taken up again`, nowMs)
  if (run.state.waves[0]?.stageEntry === 0)
    return refused(run, cause, 'NOT_STARTED', 'the run had not started; apply a new one', nowMs)
  if (successor !== null)
    return refused(
      run,
      cause,
      'SUPERSEDED',
      `run ${successor} came after this one; the route is no longer its own`,
      nowMs,
    )
  const after = [...released, latch].slice(-brakesMax)
  const left = latches.filter((id) => !after.includes(id))
  if (left.length > 0) {
    return move(
      run,
      patched(run, { released: after }),
      cause,
      { code: 'LATCH_RELEASED', text: `latch ${latch} released, ${left.join(', ')} still bind` },
      nowMs,
      { split: true },
    )
  }
  const reason = {
    code: 'LATCH_RELEASED',
    text: `latch ${latch} released by ${cause.by}; held at weight 0 until a person resumes`,
  }
  return park(run, cause, reason, nowMs, { released: after, cooldownUntilMs: null })
}
