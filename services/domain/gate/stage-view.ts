import type { Approval } from './approval-guard.ts'

/** The stage entry that is judged, as the run says it is. */
export interface StageView {
  readonly wave: string
  readonly stageEntry: number
  readonly stageName: string
  readonly candidateWeight: number
  /** Tests that an approval has set aside for this stage entry: they were shown to a person, who accepted them. */
  readonly approved: boolean
  /** All that a person has approved in the run: what guards and what drift is measured from. Absent: nothing. */
  readonly approvals?: readonly Approval[]
  /** The wave has passed its last gate: nothing is asked any more but whether it does harm. Absent: no. */
  readonly finished?: boolean
  /** When the stage has lasted as long as it may, ms since the epoch. Null or absent: it has not started, or nothing says so. */
  readonly deadlineMs?: number | null
  /** The whole seasonal periods that the stage must see; `untilMs` is null while it has not started. Null or absent: none. */
  readonly wholePeriod?: { readonly periodMs: number; readonly untilMs: number | null } | null
}
