import type { RolloutState, Run } from './run.ts'

export function patched(run: Run, patch: Partial<RolloutState>): Run {
  return { ...run, state: { ...run.state, ...patch } }
}
