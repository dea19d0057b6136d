import { stageOf } from './build-split.ts'
import { type Cause, move, patched } from './decide.ts'
import type { Reason, Transition } from './events.ts'
import { routersLatchedMs } from './revert-times.ts'
import type { Override, Phase, Revert, ReviewKind, RolloutState, Run, WaveState } from './run.ts'

const overridesMax = 100

export function activeWave(run: Run): WaveState | undefined {
  return run.state.waves[run.state.wave]
}

export function isOver(phase: Phase): boolean {
  return phase === 'completed' || phase === 'aborted' || phase === 'rolled_back'
}

/** Active runs hold their route: no other run of it may be applied. */
export function isActive(run: Run): boolean {
  return !isOver(run.state.phase)
}

/** Where the run goes on after a hold or a review. */
export function runningPhase(run: Run): 'shadow' | 'canary' | 'bake' | null {
  const { phase, resumePhase } = run.state
  return phase === 'shadow' || phase === 'canary' || phase === 'bake' ? phase : resumePhase
}

function replaced(waves: readonly WaveState[], index: number, patch: Partial<WaveState>): readonly WaveState[] {
  return waves.map((wave, at) => (at === index ? { ...wave, ...patch } : wave))
}

function entered(wave: WaveState, stageIndex: number, nowMs: number): WaveState {
  return {
    ...wave,
    status: 'active',
    stageIndex,
    stageEntry: wave.stageEntry + 1,
    enteredAtMs: nowMs,
    startedAtMs: null,
    permitted: false,
  }
}

function phaseOfStage(run: Run, wave: number, stageIndex: number): 'shadow' | 'canary' {
  return (run.spec.waves[wave]?.stages[stageIndex]?.candidateWeight ?? 0) > 0 ? 'canary' : 'shadow'
}

function enterStage(run: Run, wave: number, stageIndex: number, nowMs: number): Run {
  const current = run.state.waves[wave]
  if (current === undefined) return run
  const waves = replaced(run.state.waves, wave, entered(current, stageIndex, nowMs))
  return patched(run, {
    waves,
    wave,
    phase: phaseOfStage(run, wave, stageIndex),
    resumePhase: null,
    review: null,
    parked: false,
  })
}

/** The first split of the run. */
export function begin(run: Run, cause: Cause, nowMs: number): Transition {
  const after = enterStage(run, 0, 0, nowMs)
  const name = stageOf(after, 0)?.name ?? ''
  return move(
    run,
    after,
    cause,
    {
      code: 'STARTED',
      text: `entered stage ${name} of wave ${activeWave(after)?.id ?? ''}; it starts when all routers have acked`,
    },
    nowMs,
    { split: true },
  )
}

function withOverride(run: Run, cause: Cause, nowMs: number): Run {
  const wave = activeWave(run)
  const entry: Override = {
    wave: wave?.id ?? '',
    stageEntry: wave?.stageEntry ?? 0,
    by: cause.by,
    reason: cause.command?.reason ?? '',
    atMs: nowMs,
  }
  return patched(run, { overrides: [...run.state.overrides, entry].slice(-overridesMax) })
}

function toBake(run: Run, nowMs: number): Run {
  return patched(run, { phase: 'bake', resumePhase: null, review: null, bakeUntilMs: nowMs + run.spec.bakeMs })
}

/** One step on: the next stage, else the next wave, else the bake. The caller has checked that it is allowed or labels it an override. */
export function advance(run: Run, cause: Cause, why: string, nowMs: number, override: boolean): Transition {
  const before = override ? withOverride(run, cause, nowMs) : run
  const label = override ? ' (manual, outside the error budget)' : ''
  const wave = activeWave(before)
  const stages = before.spec.waves[before.state.wave]?.stages.length ?? 0
  if (wave !== undefined && wave.stageIndex + 1 < stages) {
    const after = enterStage(before, before.state.wave, wave.stageIndex + 1, nowMs)
    return move(
      run,
      after,
      cause,
      {
        code: 'ADVANCED',
        text: `to stage ${stageOf(after, after.state.wave)?.name ?? ''} of wave ${wave.id}${label}: ${why}`,
      },
      nowMs,
      { split: true, override },
    )
  }
  const finished = patched(before, { waves: replaced(before.state.waves, before.state.wave, { status: 'finished' }) })
  if (finished.state.wave + 1 < finished.state.waves.length) {
    const after = enterStage(finished, finished.state.wave + 1, 0, nowMs)
    return move(
      run,
      after,
      cause,
      {
        code: 'WAVE_FINISHED',
        text: `wave ${wave?.id ?? ''} finished, wave ${activeWave(after)?.id ?? ''} enters${label}: ${why}`,
      },
      nowMs,
      { split: true, override },
    )
  }
  return move(
    run,
    toBake(finished, nowMs),
    cause,
    { code: 'BAKING', text: `last stage passed, baking for ${before.spec.bakeMs} ms${label}: ${why}` },
    nowMs,
    { override },
  )
}

/** Every wave to its last stage at once, then the bake. */
export function advanceFully(run: Run, cause: Cause, why: string, nowMs: number): Transition {
  const labelled = withOverride(run, cause, nowMs)
  const waves = labelled.state.waves.map((wave, index) => {
    const last = (run.spec.waves[index]?.stages.length ?? 1) - 1
    const moved = wave.status !== 'finished' && wave.stageIndex !== last ? entered(wave, last, nowMs) : wave
    return { ...moved, status: 'finished' as const, permitted: false }
  })
  const after = toBake(patched(labelled, { waves, wave: waves.length - 1, parked: false }), nowMs)
  return move(
    run,
    after,
    cause,
    { code: 'PROMOTED_FULLY', text: `all waves to their last stage (manual, outside the error budget): ${why}` },
    nowMs,
    { split: true, override: true },
  )
}

/** The end: the former candidate becomes the route's default and nothing is left to fall back to. */
export function complete(run: Run, cause: Cause, why: string, nowMs: number, override: boolean): Transition {
  const before = override ? withOverride(run, cause, nowMs) : run
  const after = patched(before, {
    phase: 'completed',
    resumePhase: null,
    review: null,
    parked: false,
    bakeUntilMs: null,
  })
  return move(
    run,
    after,
    cause,
    { code: 'COMPLETED', text: `${run.spec.candidate.id} is the default of ${run.route}: ${why}` },
    nowMs,
    { split: true, override },
  )
}

/** The candidate gets nothing more. A draft has no split to take back. */
export function rollBack(run: Run, cause: Cause, reason: Reason, nowMs: number, latch: Revert['latch']): Transition {
  const lastRevert: Revert = {
    reasonCode: reason.code,
    reason: reason.text,
    by: cause.by,
    latch,
    breachedAtMs: cause.times['breached_at'] ?? null,
    latchWrittenAtMs: cause.times['latch_written_at'] ?? null,
    seenAtMs: nowMs,
    routersMs: routersLatchedMs(run.state),
  }
  const after = patched(run, {
    phase: 'rolled_back',
    resumePhase: run.state.phase === 'draft' ? null : (runningPhase(run) ?? null),
    review: null,
    parked: false,
    bakeUntilMs: null,
    cooldownUntilMs: nowMs + run.spec.cooldownMs,
    lastRevert,
    waves: run.state.waves.map((wave) => ({ ...wave, permitted: false })),
  })
  return move(run, after, cause, reason, nowMs, {
    split: run.state.phase !== 'draft',
    times: { cooldown_until: nowMs + run.spec.cooldownMs },
  })
}

export function abort(run: Run, cause: Cause, reason: Reason, nowMs: number): Transition {
  return move(
    run,
    patched(run, { phase: 'aborted', resumePhase: null, review: null, parked: false, bakeUntilMs: null }),
    cause,
    reason,
    nowMs,
  )
}

export function toReview(
  run: Run,
  cause: Cause,
  kind: ReviewKind,
  reason: Reason,
  nowMs: number,
  patch: Partial<RolloutState> = {},
): Transition {
  return move(
    run,
    patched(run, { ...patch, phase: 'review', resumePhase: runningPhase(run), review: kind }),
    cause,
    reason,
    nowMs,
  )
}

/** Weights to 0 until a person resumes; the split of this move has an epoch above everything that a kill named. */
export function park(run: Run, cause: Cause, reason: Reason, nowMs: number, patch: Partial<RolloutState>): Transition {
  const waves = run.state.waves.map((wave) => ({ ...wave, permitted: false }))
  const after = patched(run, {
    ...patch,
    phase: 'held',
    resumePhase: runningPhase(run),
    review: null,
    parked: true,
    bakeUntilMs: null,
    waves,
  })
  return move(run, after, cause, reason, nowMs, { split: true })
}

/** Out of a parked hold: every wave that had begun enters its stage anew, so that evidence starts from nothing and a bake needs a new verdict first. */
export function unpark(run: Run, cause: Cause, nowMs: number): Transition {
  const waves = run.state.waves.map((wave, index) => {
    if (wave.status === 'waiting') return wave
    return {
      ...entered(wave, wave.stageIndex, nowMs),
      status: index === run.state.wave ? ('active' as const) : wave.status,
    }
  })
  const phase = phaseOfStage(run, run.state.wave, waves[run.state.wave]?.stageIndex ?? 0)
  const after = patched(run, { phase, resumePhase: null, parked: false, waves, bakeUntilMs: null })
  return move(
    run,
    after,
    cause,
    { code: 'RESUMED', text: `stages entered anew by ${cause.by}; evidence starts from nothing` },
    nowMs,
    { split: true },
  )
}

/** Back from a hold or an approval of a bake; what was held does not count as time in the stage. */
export function goOn(run: Run, cause: Cause, reason: Reason, nowMs: number, split: boolean): Transition {
  const phase = run.state.resumePhase ?? 'shadow'
  const startedAtMs = activeWave(run)?.startedAtMs ?? null
  const heldMs = Math.max(0, nowMs - Math.max(run.state.since, startedAtMs ?? 0))
  // A split that is sent again has to be acked again before the stage may count its time.
  const shifted =
    split || startedAtMs === null ? { enteredAtMs: nowMs, startedAtMs: null } : { startedAtMs: startedAtMs + heldMs }
  const waves = replaced(run.state.waves, run.state.wave, shifted)
  const bakeUntilMs = phase === 'bake' ? nowMs + run.spec.bakeMs : null
  return move(run, patched(run, { phase, resumePhase: null, review: null, waves, bakeUntilMs }), cause, reason, nowMs, {
    split,
  })
}
