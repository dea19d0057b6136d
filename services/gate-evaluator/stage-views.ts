import type { StageView } from '../domain/gate/stage-view.ts'
import type { Run } from '../domain/rollout/run.ts'
import type { StageSpec } from '../domain/rollout/spec.ts'
import { activeWaves, onlyWave } from '../domain/rollout/waves.ts'

/**
 * The stage entries that are judged now: of every active wave, each on its own evidence. In the bake no wave is active, and the last one speaks for the
 * guardrails of the run. Empty before the first stage.
 */
export function stageViews(run: Run): readonly StageView[] {
  const active = activeWaves(run)
  const last = onlyWave(run)
  const judged = active.length > 0 || last === null ? active : [last]
  return judged.flatMap((index) => viewOf(run, index) ?? [])
}

function viewOf(run: Run, index: number): StageView | null {
  const wave = run.state.waves[index]
  const stage = run.spec.waves[index]?.stages[wave?.stageIndex ?? -1]
  if (wave === undefined || stage === undefined) return null
  const isPaused = run.state.phase === 'held' || run.state.phase === 'review'
  return {
    wave: wave.id,
    stageEntry: wave.stageEntry,
    stageName: stage.name,
    candidateWeight: stage.candidateWeight,
    approved: run.state.overrides.some(
      (override) => override.wave === wave.id && override.stageEntry === wave.stageEntry,
    ),
    approvals: run.state.overrides.map(({ wave, stageEntry }) => ({ wave, stageEntry })),
    // Time in which people hold the run does not count: the controller moves the start when it goes on.
    deadlineMs: wave.startedAtMs === null || isPaused ? null : wave.startedAtMs + stage.maxDurationMs,
    wholePeriod: wholePeriodOf(stage, wave.startedAtMs),
    ...(wave.status === 'finished' ? { finished: true } : {}),
  }
}

/** On the controller's own start of the stage: time in which the run was held does not count, neither there nor here. */
function wholePeriodOf(
  { wholePeriodMs, minDurationMs }: StageSpec,
  startedAtMs: number | null,
): NonNullable<StageView['wholePeriod']> | null {
  // A run that was applied before stages knew of periods has none.
  if (wholePeriodMs == null) return null
  return { periodMs: wholePeriodMs, untilMs: startedAtMs === null ? null : startedAtMs + minDurationMs }
}

/** Every wave that has begun is guarded for as long as the run lives. */
export function armedOf(run: Run): { run: string; wave: string; stage_entry: number }[] {
  return run.state.waves
    .filter((wave) => wave.status !== 'waiting')
    .map((wave) => ({ run: run.id, wave: wave.id, stage_entry: wave.stageEntry }))
}
