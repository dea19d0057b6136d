import { type Cause, move } from './decide.ts'
import type { Reason, Transition } from './events.ts'
import { patched } from './patched.ts'
import { runningPhase, withoutPause, withReview } from './pause.ts'
import { routersLatchedMs } from './revert-times.ts'
import type { Override, Phase, Revert, RolloutState, Run, WaveState } from './run.ts'
import { activeNames, activeWaves, onlyWave, withWave } from './waves.ts'

const overridesMax = 100

/** Nothing is in review and nothing parked. */
const unpaused = { resumePhase: null, review: null, reviewWave: null, parked: false } as const

export function isOver(phase: Phase): boolean {
  return phase === 'completed' || phase === 'aborted' || phase === 'rolled_back'
}

/** Active runs hold their route: no other run of it may be applied. */
export function isActive(run: Run): boolean {
  return !isOver(run.state.phase)
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
    ask: null,
  }
}

/** What waves were allowed and asked for is void. */
function cleared(waves: readonly WaveState[]): readonly WaveState[] {
  return waves.map((wave) => ({ ...wave, permitted: false, ask: null }))
}

/** A canary as soon as one of the active waves gives the candidate traffic. */
function running(run: Run): Run {
  const isCanary = activeWaves(run).some((index) => {
    const stage = run.spec.waves[index]?.stages[run.state.waves[index]?.stageIndex ?? -1]
    return (stage?.candidateWeight ?? 0) > 0
  })
  return patched(run, { ...unpaused, phase: isCanary ? 'canary' : 'shadow' })
}

function stageName(run: Run, index: number): string {
  return run.spec.waves[index]?.stages[run.state.waves[index]?.stageIndex ?? -1]?.name ?? ''
}

function enterStage(run: Run, index: number, stageIndex: number, nowMs: number): Run {
  const current = run.state.waves[index]
  return current === undefined ? run : withWave(run, index, entered(current, stageIndex, nowMs))
}

/** The first split of the run: of all waves when they go together, else of the first. */
export function begin(run: Run, cause: Cause, nowMs: number): Transition {
  const first = run.spec.waveOrder === 'together' ? run.state.waves.map((_, index) => index) : [0]
  const after = running(first.reduce((into, index) => enterStage(into, index, 0, nowMs), run))
  const what =
    first.length === 1
      ? `entered stage ${stageName(after, 0)} of wave ${after.state.waves[0]?.id ?? ''}; it starts`
      : `entered the first stage of waves ${activeNames(after)}; they start`
  return move(run, after, cause, { code: 'STARTED', text: `${what} when all routers have acked` }, nowMs, {
    split: true,
  })
}

export function withOverride(run: Run, index: number, cause: Cause, nowMs: number): Run {
  const wave = run.state.waves[index]
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
  return patched(run, { ...unpaused, phase: 'bake', bakeUntilMs: nowMs + run.spec.bakeMs })
}

/** What a step of one wave means for the run: other waves may ask for a person, or a person may hold them; else all go on. */
function settled(before: Run, after: Run, nowMs: number): Run {
  const going = running(after)
  const others = activeWaves(before).length > 1
  if (before.state.phase === 'held' && others)
    return patched(going, { phase: 'held', resumePhase: runningPhase(going) })
  return withoutPause(before, withReview(patched(going, { reviewWave: before.state.reviewWave })), nowMs)
}

/**
 * One step of one wave: its next stage, else it has finished; then the next wave of a sequence, else the others go on, else the bake begins. The caller has
 * checked that it is allowed or labels it an override.
 */
export function advance(
  run: Run,
  index: number,
  cause: Cause,
  why: string,
  nowMs: number,
  override: boolean,
): Transition {
  const before = override ? withOverride(run, index, cause, nowMs) : run
  const label = override ? ' (manual, outside the error budget)' : ''
  const wave = before.state.waves[index]
  const id = wave?.id ?? ''
  const next = (wave?.stageIndex ?? -1) + 1
  if (next < (before.spec.waves[index]?.stages.length ?? 0)) {
    const after = settled(run, enterStage(before, index, next, nowMs), nowMs)
    const text = `to stage ${stageName(after, index)} of wave ${id}${label}: ${why}`
    return move(run, after, cause, { code: 'ADVANCED', text }, nowMs, { split: true, override, wave: index })
  }
  const finished = withWave(before, index, { status: 'finished', ask: null })
  if (activeWaves(finished).length > 0) {
    const text = `wave ${id} finished, ${activeNames(finished)} go on${label}: ${why}`
    const after = settled(run, finished, nowMs)
    return move(run, after, cause, { code: 'WAVE_FINISHED', text }, nowMs, { override, wave: index })
  }
  const waiting = finished.state.waves.findIndex(({ status }) => status === 'waiting')
  if (waiting !== -1) {
    const after = settled(run, enterStage(finished, waiting, 0, nowMs), nowMs)
    const text = `wave ${id} finished, wave ${after.state.waves[waiting]?.id ?? ''} enters${label}: ${why}`
    return move(run, after, cause, { code: 'WAVE_FINISHED', text }, nowMs, { split: true, override, wave: index })
  }
  const text = `last stage passed, baking for ${before.spec.bakeMs} ms${label}: ${why}`
  return move(run, withReview(toBake(finished, nowMs)), cause, { code: 'BAKING', text }, nowMs, {
    override,
    wave: index,
  })
}

/** Every wave to its last stage at once, then the bake. */
export function advanceFully(run: Run, cause: Cause, why: string, nowMs: number): Transition {
  const labelled = activeWaves(run).reduce((into, index) => withOverride(into, index, cause, nowMs), run)
  const waves = labelled.state.waves.map((wave, index) => {
    const last = (run.spec.waves[index]?.stages.length ?? 1) - 1
    const moved = wave.status !== 'finished' && wave.stageIndex !== last ? entered(wave, last, nowMs) : wave
    return { ...moved, status: 'finished' as const, permitted: false, ask: null }
  })
  const after = toBake(patched(labelled, { waves }), nowMs)
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
  const before = override ? withOverride(run, onlyWave(run) ?? 0, cause, nowMs) : run
  const waves = before.state.waves.map((wave) => ({ ...wave, ask: null }))
  const after = patched(before, { ...unpaused, waves, phase: 'completed', bakeUntilMs: null })
  return move(
    run,
    after,
    cause,
    { code: 'COMPLETED', text: `${run.spec.candidate.id} is the default of ${run.route}: ${why}` },
    nowMs,
    { split: true, override },
  )
}

/** The candidate gets nothing more, of no wave. A draft has no split to take back. */
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
    ...unpaused,
    phase: 'rolled_back',
    resumePhase: run.state.phase === 'draft' ? null : (runningPhase(run) ?? null),
    bakeUntilMs: null,
    cooldownUntilMs: nowMs + run.spec.cooldownMs,
    lastRevert,
    waves: cleared(run.state.waves),
  })
  return move(run, after, cause, reason, nowMs, {
    split: run.state.phase !== 'draft',
    times: { cooldown_until: nowMs + run.spec.cooldownMs },
  })
}

export function abort(run: Run, cause: Cause, reason: Reason, nowMs: number): Transition {
  const waves = run.state.waves.map((wave) => ({ ...wave, ask: null }))
  return move(run, patched(run, { ...unpaused, waves, phase: 'aborted', bakeUntilMs: null }), cause, reason, nowMs)
}

/** Weights to 0 until a person resumes; the split of this move has an epoch above everything that a kill named. */
export function park(run: Run, cause: Cause, reason: Reason, nowMs: number, patch: Partial<RolloutState>): Transition {
  const after = patched(run, {
    ...patch,
    ...unpaused,
    phase: 'held',
    resumePhase: runningPhase(run),
    parked: true,
    bakeUntilMs: null,
    waves: cleared(run.state.waves),
  })
  return move(run, after, cause, reason, nowMs, { split: true })
}

/**
 * Out of a parked hold: every wave that had begun enters its stage anew, so that evidence starts from nothing, and a bake needs new verdicts first: of the
 * last wave of a sequence, of every wave of those that went together.
 */
export function unpark(run: Run, cause: Cause, nowMs: number): Transition {
  const wasBaking = activeWaves(run).length === 0
  const last = onlyWave(run)
  const waves = run.state.waves.map((wave, index) => {
    if (wave.status === 'waiting') return wave
    const again = wasBaking && (run.spec.waveOrder === 'together' || index === last)
    return { ...entered(wave, wave.stageIndex, nowMs), status: again ? ('active' as const) : wave.status }
  })
  const after = running(patched(run, { waves, bakeUntilMs: null }))
  return move(
    run,
    after,
    cause,
    { code: 'RESUMED', text: `stages entered anew by ${cause.by}; evidence starts from nothing` },
    nowMs,
    { split: true },
  )
}
