import type { AnalysisPlan, Frozen } from '../gate/plan.ts'
import type { VerdictOutcome } from '../gate/verdict.ts'
import type { RolloutSpec } from './spec.ts'

export type Phase = 'draft' | 'shadow' | 'canary' | 'bake' | 'completed' | 'held' | 'review' | 'rolled_back' | 'aborted'

export interface WaveState {
  readonly id: string
  readonly status: 'waiting' | 'active' | 'finished'
  /** Index into the wave's stages; -1 while waiting. */
  readonly stageIndex: number
  /** Grows with each entry of a stage of this wave; commands and verdicts name it. 0 while waiting. */
  readonly stageEntry: number
  /** When the stage's split was written, and when all routers had acked it (the stage starts then). */
  readonly enteredAtMs: number | null
  readonly startedAtMs: number | null
  /** An advance verdict for this stage entry that still waits for the minimum duration or an approval. */
  readonly permitted: boolean
}

/** Everything about a run that changes. Written whole to `rollout.runs.v1` in the same transaction as what it caused. */
export interface RolloutState {
  readonly phase: Phase
  /** Where held and review return to. */
  readonly resumePhase: 'shadow' | 'canary' | 'bake' | null
  /** Index of the active wave. */
  readonly wave: number
  readonly waves: readonly WaveState[]
  /** Epoch of the last split written for the route by this run. */
  readonly epoch: number
  readonly reasonCode: string
  readonly reason: string
  readonly since: number
  readonly frozen: Frozen | null
  /** Routers that acked the present epoch. */
  readonly acked: readonly string[]
  /** Latches seen that bind this run, and those released. */
  readonly latches: readonly string[]
  readonly released: readonly string[]
  readonly killed: boolean
  readonly lastVerdict: { readonly outcome: VerdictOutcome; readonly reasonCode: string; readonly reason: string; readonly atMs: number } | null
  readonly bakeUntilMs: number | null
  readonly cooldownUntilMs: number | null
  /** Ids of the last commands handled (bounded), so that a duplicate changes nothing. */
  readonly handled: readonly string[]
}

/** JSON value of `rollout.runs.v1`. */
export interface Run {
  readonly id: string
  readonly route: string
  readonly attempt: number
  readonly spec: RolloutSpec
  readonly plan: AnalysisPlan
  readonly state: RolloutState
  readonly createdAtMs: number
  readonly createdBy: string
  /** SHA-256 of candidate and baseline variants: the cooldown's identity. */
  readonly candidateHash: string
}
