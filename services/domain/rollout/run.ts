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
  /** An advance verdict for this stage entry that still waits for the minimum duration, an approval or the end of a pause. */
  readonly permitted: boolean
  /** What it waits for a person about; while any wave asks, the run is in review and none advances. */
  readonly ask: Ask | null
  /** The last verdict that was heard of it, of whatever stage entry. */
  readonly lastVerdict: LastVerdict | null
}

/** Why a run waits for a person. Approving anything but `approval` is outside the error budget; `ack_rejected` is not approved but resumed. */
export type ReviewKind = 'approval' | 'verdict' | 'max_duration' | 'ack_rejected'

/** A wave's own reason to wait for a person; a rejected split is the run's. */
export interface Ask {
  readonly kind: Exclude<ReviewKind, 'ack_rejected'>
  readonly reasonCode: string
  readonly reason: string
}

/** The last verdict that was heard, for status; its numbers in full are on the decision it led to. */
export interface LastVerdict {
  readonly outcome: VerdictOutcome
  readonly reasonCode: string
  readonly reason: string
  readonly atMs: number
  readonly wave: string
  readonly stageEntry: number
  readonly frontierMs: number
  readonly n: number
  readonly nRequired: number | null
  readonly etaAtMs: number | null
  readonly commandId: string
}

/** A move that no passing verdict allowed: outside the error budget, kept for status and audit. */
export interface Override {
  readonly wave: string
  readonly stageEntry: number
  readonly by: string
  readonly reason: string
  readonly atMs: number
}

/** The four times of the last revert, as far as they are known; each router's is when it applied the latch or the new split, whichever was first. */
export interface Revert {
  readonly reasonCode: string
  readonly reason: string
  readonly by: string
  readonly latch: string | null
  readonly breachedAtMs: number | null
  readonly latchWrittenAtMs: number | null
  readonly seenAtMs: number
  readonly routersMs: Readonly<Record<string, number>>
}

/** Everything about a run that changes. Written whole to `rollout.runs.v1` in the same transaction as what it caused. */
export interface RolloutState {
  readonly phase: Phase
  /** Where held and review return to. */
  readonly resumePhase: 'shadow' | 'canary' | 'bake' | null
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
  /** Router → id of a brake it named → when it first had it in force, also of latches the run has not heard of yet. Bounded. */
  readonly brakesApplied: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Kills that are open on the route, by id; `killed` says whether there is any. */
  readonly kills: readonly string[]
  readonly killed: boolean
  /** Kills that ended, id → released_at: an older record of one that is read again holds nothing. */
  readonly endedKills: Readonly<Record<string, number>>
  /** All weights are 0 until a person resumes, which enters the stages anew. After a kill and after a released latch. */
  readonly parked: boolean
  readonly review: ReviewKind | null
  /** The wave that the review is about; null without one, and when a router rejected the split. */
  readonly reviewWave: string | null
  readonly overrides: readonly Override[]
  readonly lastRevert: Revert | null
  readonly bakeUntilMs: number | null
  readonly cooldownUntilMs: number | null
  /** Grows with each record of the run, so that the newer of two is known; names ticks in decision ids. */
  readonly revision: number
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
