import type { Part } from '../support/measured-part.ts'
import type { FaultResults } from './faults.ts'
import type { KillBy, KillTimes } from './kills.ts'
import type { LatchTimes } from './latches.ts'
import type { OutageResults } from './outage.ts'
import type { Prediction } from './predicted.ts'

/** Everything that is kept in revert.json; parts are measured one by one. */
export interface RevertResults {
  /** Latches as they were before a change that `latches` has. */
  readonly before?: Part<readonly LatchTimes[]>
  readonly latches?: Part<readonly LatchTimes[]>
  readonly kills?: Part<Readonly<Record<KillBy, readonly KillTimes[]>>>
  readonly outage?: Part<OutageResults>
  readonly faults?: Part<readonly FaultResults[]>
  /** Candidates that go bad where legs may take a minute. */
  readonly byDefault?: Part<readonly FaultResults[]>
  readonly predictions?: readonly Prediction[]
}
