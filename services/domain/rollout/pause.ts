import { type Cause, move } from './decide.ts'
import type { Reason, Transition } from './events.ts'
import { patched } from './patched.ts'
import type { Ask, Phase, Run, WaveState } from './run.ts'
import { withWave } from './waves.ts'

/** Where the run goes on after a hold or a review. */
export function runningPhase(run: Run): 'shadow' | 'canary' | 'bake' | null {
  const { phase, resumePhase } = run.state
  return phase === 'shadow' || phase === 'canary' || phase === 'bake' ? phase : resumePhase
}

/** A run whose waves ask for a person is in review, whatever else it would do; the wave that asked first stays the one that it is about. */
export function withReview(run: Run): Run {
  const { waves, review, reviewWave } = run.state
  if (review === 'ack_rejected') return run
  const asking = waves.filter(({ ask }) => ask !== null)
  const speaker = asking.find(({ id }) => id === reviewWave) ?? asking[0]
  if (speaker?.ask == null) return reviewWave === null ? run : patched(run, { reviewWave: null })
  return patched(run, {
    phase: 'review',
    resumePhase: runningPhase(run),
    review: speaker.ask.kind,
    reviewWave: speaker.id,
  })
}

/** One wave asks for a person, and all of them wait. */
export function toReview(run: Run, index: number, cause: Cause, ask: Ask, nowMs: number): Transition {
  const after = withReview(withWave(run, index, { ask }))
  const aside = after.state.reviewWave !== run.state.waves[index]?.id
  return move(run, after, cause, { code: ask.reasonCode, text: ask.reason }, nowMs, { wave: index, aside })
}

/** A router refused the split or never said that it has it: that is the run's, and comes before whatever waves ask. */
export function toRepair(run: Run, cause: Cause, reason: Reason, nowMs: number, acked = run.state.acked): Transition {
  const resumePhase = runningPhase(run)
  const after = patched(run, { acked, phase: 'review', resumePhase, review: 'ack_rejected', reviewWave: null })
  return move(run, after, cause, reason, nowMs)
}

function isPaused(phase: Phase): boolean {
  return phase === 'held' || phase === 'review'
}

/** Time in which the run was held or in review does not count for the waves that stay where they were. */
export function withoutPause(before: Run, after: Run, nowMs: number): Run {
  if (!isPaused(before.state.phase) || isPaused(after.state.phase)) return after
  const waves = after.state.waves.map((wave, index) => {
    const stayed = wave.status === 'active' && wave.stageEntry === before.state.waves[index]?.stageEntry
    return stayed ? { ...wave, startedAtMs: shifted(wave, before.state.since, nowMs) } : wave
  })
  return patched(after, { waves })
}

function shifted({ startedAtMs }: WaveState, sinceMs: number, nowMs: number): number | null {
  return startedAtMs === null ? null : startedAtMs + Math.max(0, nowMs - Math.max(sinceMs, startedAtMs))
}

/** Back from a hold, a repair or what a finished wave asked; still in review while another wave asks. */
export function goOn(run: Run, cause: Cause, reason: Reason, nowMs: number): Transition {
  const after = resumed(run, nowMs)
  return move(run, withoutPause(run, after, nowMs), cause, reason, nowMs)
}

/** The same with the split sent again. It has to be acked again before a stage may count its time: nobody knows what the router served meanwhile. */
export function sendAgain(run: Run, cause: Cause, reason: Reason, nowMs: number): Transition {
  const after = resumed(run, nowMs)
  const waves = after.state.waves.map((wave) =>
    wave.status === 'active' ? { ...wave, enteredAtMs: nowMs, startedAtMs: null } : wave,
  )
  return move(run, patched(after, { waves }), cause, reason, nowMs, { split: true })
}

function resumed(run: Run, nowMs: number): Run {
  const phase = run.state.resumePhase ?? 'shadow'
  const bakeUntilMs = phase === 'bake' ? nowMs + run.spec.bakeMs : null
  return withReview(patched(run, { phase, resumePhase: null, review: null, bakeUntilMs }))
}
