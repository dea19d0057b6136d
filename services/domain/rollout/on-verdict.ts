import type { Command } from '../events/records.ts'
import type { Verdict } from '../gate/verdict.ts'
import { assertNever } from '../outcome/assert-never.ts'
import { stageOf } from './build-split.ts'
import { type Cause, move, noted, refused, unchanged } from './decide.ts'
import type { Transition } from './events.ts'
import { advance, isOver, rollBack } from './moves.ts'
import { patched } from './patched.ts'
import { runningPhase, toReview, withReview } from './pause.ts'
import { readVerdict } from './payload.ts'
import type { LastVerdict, Run, WaveState } from './run.ts'
import { withWave } from './waves.ts'

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
function isOutdated({ lastVerdict: known }: WaveState, last: LastVerdict): boolean {
  return known !== null && known.stageEntry === last.stageEntry && last.frontierMs < known.frontierMs
}

/** A gate's answer about one stage entry of one wave, which is the present one: the caller has seen to that. */
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
  const index = run.state.waves.findIndex(({ id }) => id === command.wave)
  const wave = run.state.waves[index]
  if (wave === undefined) return refused(run, cause, 'STALE', `the run has no wave ${command.wave ?? ''}`, nowMs)
  const judged: Judged = { run, index, wave, cause, last, nowMs }
  switch (verdict.outcome) {
    case 'rollback':
      return rollBack(
        withWave(run, index, { lastVerdict: last }),
        cause,
        { code: verdict.reasonCode, text: `rolled back by ${verdict.gate}: ${verdict.reason}` },
        nowMs,
        verdict.latch,
      )
    case 'calibrated':
      return calibrate(run, cause, verdict, nowMs)
    case 'review':
      return review(judged)
    case 'advance':
      return isOutdated(wave, last)
        ? unchanged(run, 'OUTDATED', 'a newer verdict of this stage entry is known')
        : permit(judged)
    case 'hold':
      return isOutdated(wave, last)
        ? unchanged(run, 'OUTDATED', 'a newer verdict of this stage entry is known')
        : stay(judged)
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

interface Judged {
  readonly run: Run
  readonly index: number
  readonly wave: WaveState
  readonly cause: Cause
  readonly last: LastVerdict
  readonly nowMs: number
}

/** Kept for status; nothing else follows from it. */
function onlyHeard({ run, index, last }: Judged, patch: Partial<WaveState> = {}): Transition {
  const { waves } = withWave(run, index, { ...patch, lastVerdict: last }).state
  return noted(run, { waves }, last.reasonCode, last.reason)
}

function review(judged: Judged): Transition {
  const { run, index, wave, cause, last, nowMs } = judged
  // Weights are 0; there is nothing to review until the run resumes.
  if (run.state.parked) return onlyHeard(judged)
  const kind = last.reasonCode === 'MAX_DURATION' ? 'max_duration' : 'verdict'
  const ask = { kind, reasonCode: last.reasonCode, reason: last.reason } as const
  if (wave.ask?.kind === 'verdict') return onlyHeard(judged)
  // A rejected ack has to be repaired whatever the verdict is; what the wave asks comes after that.
  if (run.state.review === 'ack_rejected') return onlyHeard(judged, { permitted: false, ask })
  return toReview(withWave(run, index, { permitted: false, lastVerdict: last }), index, cause, ask, nowMs)
}

/** Evidence may end a permission that has not been used yet, for example when completeness falls; a permission before a person stays. */
function stay(judged: Judged): Transition {
  const { run, index, wave, cause, last, nowMs } = judged
  if (wave.status !== 'active' || wave.ask !== null || !wave.permitted) return onlyHeard(judged)
  const after = withWave(run, index, { permitted: false, lastVerdict: last })
  const reason = { code: last.reasonCode, text: `permission withdrawn: ${last.reason}` }
  return move(run, after, cause, reason, nowMs, { wave: index })
}

function permit(judged: Judged): Transition {
  const { run, index, wave, cause, last, nowMs } = judged
  if (wave.status !== 'active' || runningPhase(run) === 'bake' || run.state.parked) return onlyHeard(judged)
  if (wave.ask?.kind === 'max_duration') {
    const reason = `the stage passed while in review; approve to go on: ${last.reason}`
    const ask = { kind: 'approval', reasonCode: 'AWAITING_APPROVAL', reason } as const
    const after = withReview(withWave(run, index, { permitted: true, lastVerdict: last, ask }))
    return move(run, after, cause, { code: 'AWAITING_APPROVAL', text: reason }, nowMs, { wave: index })
  }
  if (wave.ask !== null) return onlyHeard(judged)
  if (wave.permitted) return onlyHeard(judged, { permitted: true })
  return settlePermit(judged)
}

/** With permission and the minimum time: on, or before a person. Before that: the permission is on the record and a tick comes back to it. */
function settlePermit({ run, index, cause, last, nowMs }: Judged): Transition {
  const permitted = withWave(run, index, { permitted: true, lastVerdict: last })
  const { phase } = run.state
  const on = (when: string) =>
    move(run, permitted, cause, { code: 'PERMITTED', text: `may advance ${when}: ${last.reason}` }, nowMs, {
      wave: index,
      aside: phase === 'held' || phase === 'review',
    })
  // Gates say it once: what is permitted while nothing may move is kept until it may.
  if (phase === 'held') return on('when resumed')
  if (phase === 'review') return on('after the review')
  return usePermit(run, permitted, index, cause, last.reason, nowMs) ?? on('after the minimum duration')
}

/** What a permission leads to now, or null while the minimum duration runs. Used by verdicts and by ticks. */
export function usePermit(
  before: Run,
  permitted: Run,
  index: number,
  cause: Cause,
  why: string,
  nowMs: number,
): Transition | null {
  const current = permitted.state.waves[index]
  const stage = stageOf(permitted, index)
  if (current === undefined || stage === null || current.startedAtMs === null) return null
  if (nowMs - current.startedAtMs < stage.minDurationMs) return null
  if (stage.approval === 'manual') {
    const reason = `stage ${stage.name} of wave ${current.id} passed and waits for approval: ${why}`
    const ask = { kind: 'approval', reasonCode: 'AWAITING_APPROVAL', reason } as const
    const after = withReview(withWave(permitted, index, { ask }))
    return move(before, after, cause, { code: 'AWAITING_APPROVAL', text: reason }, nowMs, { wave: index })
  }
  return advance(permitted, index, cause, why, nowMs, false)
}
