import type { RunId } from '../../domain/rollout/run.ts'

export const key = (run: RunId): string => run
