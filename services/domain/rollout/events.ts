import type { Ack, Command, Decision, Kill, Latch, Split } from '../events/records.ts'
import type { Run } from './run.ts'

/** Everything that can happen to a run that exists. */
export type RunEvent =
  /** `successor`: a later run of the route, if there is one; a run that has one is never revived. */
  | { readonly kind: 'command'; readonly command: Command; readonly successor: string | null }
  | { readonly kind: 'ack'; readonly ack: Ack }
  | { readonly kind: 'latch'; readonly latch: Latch }
  | { readonly kind: 'kill'; readonly kill: Kill }
  | { readonly kind: 'tick' }
  /** The draft stands first among the route's active runs on `rollout.runs.v1`; `routeEpoch` is the highest epoch on the route so far. */
  | { readonly kind: 'start'; readonly routeEpoch: number }
  /** Another run has the route: an older active one for a draft, or the writer of a newer split. */
  | { readonly kind: 'superseded'; readonly run: string; readonly epoch: number }

/** What a transition asks the shell to write, in one transaction with the run itself. */
export type Effect =
  | { readonly kind: 'split'; readonly split: Split }
  | { readonly kind: 'decision'; readonly decision: Decision }

export interface Reason {
  /** Stable upper-case identifier. */
  readonly code: string
  /** One plain sentence. */
  readonly text: string
}

/** `run` is the same object when nothing changed; `refused` events that carry a command are on the record as a decision. */
export interface Transition {
  readonly run: Run
  readonly effects: readonly Effect[]
  readonly outcome: 'changed' | 'unchanged' | 'refused'
  readonly reason: Reason
}
