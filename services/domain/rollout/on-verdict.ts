import type { Command } from '../events/records.ts'
import type { Verdict } from '../gate/verdict.ts'
import { assertNever } from '../outcome/assert-never.ts'
import { stageOf } from './build-split.ts'
import { type Cause, move, noted, patched, refused, unchanged } from './decide.ts'
import type { Transition } from './events.ts'
import { activeWave, advance, isOver, rollBack, runningPhase, toReview } from './moves.ts'
import { readVerdict } from './payload.ts'
import type { LastVerdict, Run } from './run.ts'

function heard(command: Command, verdict: Verdict): LastVerdict {
  return {
    outcome: verdict.outcome,
    reasonCode: verdict.reasonCode,
    reason: verdict.reason,
    atMs: command.at,
    wave: command.wave ?? '',
    stageEntry: command.stage_entry ?? 0,
    frontierMs: verdict.frontierMs,
    n: verdict.n,
    nRequired: verdict.nRequired ?? null,
    etaAtMs: verdict.etaAtMs ?? null,
    commandId: command.id,
  }
}

/** An older answer of the same stage entry (two gates, or a delayed one) permits nothing and takes no permission away. */
function isOutdated(run: Run, last: LastVerdict): boolean {
  const known = run.state.lastVerdict
  return (
    known !== null &&
    known.wave === last.wave &&
    known.stageEntry === last.stageEntry &&
    last.frontierMs < known.frontierMs
  )
}

export function onVerdict(run: Run, command: Command, source: Cause, nowMs: number): Transition {
  const read = readVerdict(command.payload)
  if (!read.ok) return refused(run, source, 'INVALID_PAYLOAD', read.problem, nowMs)
  const verdict = read.value
  const cause: Cause = { ...source, verdict }
  const { phase } = run.state
  if (phase === 'draft' || isOver(phase))
    return refused(run, cause, 'NOT_RUNNING', `the run is ${phase}: a verdict changes nothing`, nowMs)
  if (verdict.planHash !== run.plan.hash)
    return refused(
      run,
      cause,
      'PLAN_MISMATCH',
      `verdict of plan ${verdict.planHash}, the run has ${run.plan.hash}`,
      nowMs,
    )
  const last = heard(command, verdict)
  switch (verdict.outcome) {
    case 'rollback':
      return rollBack(
        patched(run, { lastVerdict: last }),
        cause,
        { code: verdict.reasonCode, text: `rolled back by ${verdict.gate}: ${verdict.reason}` },
        nowMs,
        verdict.latch,
      )
    case 'calibrated':
      return calibrate(run, cause, verdict, nowMs)
    case 'review':
      return review(run, cause, last, nowMs)
    case 'advance':
      return isOutdated(run, last)
        ? unchanged(run, 'OUTDATED', 'a newer verdict of this stage entry is known')
        : permit(run, cause, last, nowMs)
    case 'hold':
      return isOutdated(run, last)
        ? unchanged(run, 'OUTDATED', 'a newer verdict of this stage entry is known')
        : stay(run, cause, last, nowMs)
    default:
      return assertNever(verdict.outcome, 'verdict outcome')
  }
}

function calibrate(run: Run, cause: Cause, verdict: Verdict, nowMs: number): Transition {
  if (run.state.frozen !== null)
    return refused(run, cause, 'FROZEN_ONCE', 'calibration has been frozen before and is never overwritten', nowMs)
  return move(
    run,
    patched(run, { frozen: verdict.frozen }),
    cause,
    { code: 'CALIBRATED', text: `frozen from ${verdict.frozen?.pairs ?? 0} A/A pairs` },
    nowMs,
  )
}

function review(run: Run, cause: Cause, last: LastVerdict, nowMs: number): Transition {
  const { phase, parked, review: waiting } = run.state
  if (parked)
    return noted(run, { lastVerdict: last }, 'PARKED', 'weights are 0; nothing to review until the run resumes')
  // A rejected ack has to be repaired whatever the verdict is.
  if (phase === 'review' && waiting === 'ack_rejected')
    return noted(run, { lastVerdict: last }, last.reasonCode, last.reason)
  if (phase === 'review' && waiting === 'verdict')
    return noted(run, { lastVerdict: last }, last.reasonCode, last.reason)
  const waves = run.state.waves.map((wave) => (wave.id === last.wave ? { ...wave, permitted: false } : wave))
  const kind = last.reasonCode === 'MAX_DURATION' ? 'max_duration' : 'verdict'
  return toReview(run, cause, kind, { code: last.reasonCode, text: last.reason }, nowMs, {
    lastVerdict: last,
    waves,
  })
}

function withPermit(run: Run, permitted: boolean): Run {
  return patched(run, {
    waves: run.state.waves.map((wave, index) => (index === run.state.wave ? { ...wave, permitted } : wave)),
  })
}

/** Evidence may end a permission that has not been used yet, for example when completeness falls; a permission before a person stays. */
function stay(run: Run, cause: Cause, last: LastVerdict, nowMs: number): Transition {
  const current = activeWave(run)
  if (last.wave !== current?.id || run.state.phase === 'review' || !current.permitted)
    return noted(run, { lastVerdict: last }, last.reasonCode, last.reason)
  return move(
    run,
    patched(withPermit(run, false), { lastVerdict: last }),
    cause,
    { code: last.reasonCode, text: `permission withdrawn: ${last.reason}` },
    nowMs,
  )
}

function permit(run: Run, cause: Cause, last: LastVerdict, nowMs: number): Transition {
  const current = activeWave(run)
  const { phase, parked, review: waiting } = run.state
  if (last.wave !== current?.id || runningPhase(run) === 'bake' || parked)
    return noted(run, { lastVerdict: last }, last.reasonCode, last.reason)
  const permitted = patched(withPermit(run, true), { lastVerdict: last })
  if (phase === 'review' && waiting === 'max_duration') {
    return move(
      run,
      patched(permitted, { review: 'approval' }),
      cause,
      { code: 'AWAITING_APPROVAL', text: `the stage passed while in review; approve to go on: ${last.reason}` },
      nowMs,
    )
  }
  if (phase === 'review' || current.permitted)
    return noted(run, phase === 'review' ? { lastVerdict: last } : permitted.state, last.reasonCode, last.reason)
  return settlePermit(run, permitted, cause, nowMs)
}

/** With permission and the minimum time: on, or before a person. Before that: the permission is on the record and a tick comes back to it. */
function settlePermit(before: Run, permitted: Run, cause: Cause, nowMs: number): Transition {
  const reason = permitted.state.lastVerdict?.reason ?? ''
  if (before.state.phase === 'held')
    return move(before, permitted, cause, { code: 'PERMITTED', text: `may advance when resumed: ${reason}` }, nowMs)
  return (
    usePermit(before, permitted, cause, reason, nowMs) ??
    move(
      before,
      permitted,
      cause,
      { code: 'PERMITTED', text: `may advance after the minimum duration: ${reason}` },
      nowMs,
    )
  )
}

/** What a permission leads to now, or null while the minimum duration runs. Used by verdicts and by ticks. */
export function usePermit(before: Run, permitted: Run, cause: Cause, why: string, nowMs: number): Transition | null {
  const current = activeWave(permitted)
  const stage = stageOf(permitted, permitted.state.wave)
  if (current === undefined || stage === null || current.startedAtMs === null) return null
  if (nowMs - current.startedAtMs < stage.minDurationMs) return null
  if (stage.approval === 'manual') {
    const waiting = { code: 'AWAITING_APPROVAL', text: `stage ${stage.name} passed and waits for approval: ${why}` }
    const { waves, lastVerdict } = permitted.state
    return toReview(before, cause, 'approval', waiting, nowMs, { waves, lastVerdict })
  }
  return advance(permitted, cause, why, nowMs, false)
}
