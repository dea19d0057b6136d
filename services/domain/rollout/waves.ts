import { patched } from './patched.ts'
import type { Run, WaveState } from './run.ts'

/** Where the active waves stand in the file's order: at most one in a sequence, any number of them side by side. */
export function activeWaves(run: Run): readonly number[] {
  return run.state.waves.flatMap(({ status }, index) => (status === 'active' ? [index] : []))
}

/**
 * The wave that is meant when nobody names one: the only active one; before the start the first, and in the bake the last that has begun. Null when several
 * are active.
 */
export function onlyWave(run: Run): number | null {
  const [first, ...others] = activeWaves(run)
  if (others.length > 0) return null
  return (
    first ??
    Math.max(
      0,
      run.state.waves.findLastIndex(({ status }) => status === 'finished'),
    )
  )
}

/** Names of the active waves with their stages, for sentences. */
export function activeNames(run: Run): string {
  return activeWaves(run)
    .map((index) => `${run.state.waves[index]?.id ?? ''} (stage ${stageNameOf(run, index)})`)
    .join(', ')
}

function stageNameOf(run: Run, index: number): string {
  return run.spec.waves[index]?.stages[run.state.waves[index]?.stageIndex ?? -1]?.name ?? ''
}

export function withWave(run: Run, index: number, patch: Partial<WaveState>): Run {
  return patched(run, { waves: run.state.waves.map((wave, at) => (at === index ? { ...wave, ...patch } : wave)) })
}
