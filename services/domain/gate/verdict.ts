import type { Comparison } from '../events/records.ts'
import type { AppliedCorrection } from './corrections.ts'
import type { DriftView } from './hourly-discordance.ts'
import type { JudgeView } from './judges.ts'
import type { InstrumentView } from './noise-floor.ts'
import type { Frozen, MetricRole, Slice } from './plan.ts'
import type { GateCounts, RunGateLimits } from './run-gate.ts'
import type { SliceFinding } from './slice-findings.ts'
import type { StageView } from './stage-view.ts'
import type { SuperiorityView } from './superiority.ts'

export type MetricState = 'unacceptable' | 'worse' | 'unclear' | 'acceptable' | 'better' | 'no_data'

/** One test's numbers at one moment. Estimate and limits are candidate − baseline, positive = worse for harm tests. */
export interface MetricVerdict {
  readonly test: string
  readonly metric: string
  readonly comparison: Comparison
  readonly slice: Slice
  readonly role: MetricRole
  readonly state: MetricState
  readonly estimate: number | null
  readonly intervalLow: number | null
  readonly intervalHigh: number | null
  readonly baselineValue: number | null
  readonly candidateValue: number | null
  readonly eValue: number | null
  readonly eThreshold: number | null
  /** Units entered, and needed for the first look. */
  readonly n: number
  readonly nRequired: number | null
  /** Paired binary only: both, only candidate, only baseline, neither. */
  readonly table: {
    readonly both: number
    readonly onlyCandidate: number
    readonly onlyBaseline: number
    readonly neither: number
  } | null
  /** Looks spent and whether one passed (a pass stays passed). */
  readonly looksSpent: number
  readonly passed: boolean
  /** Of a metric that a judge supplies: whether it may decide. */
  readonly judge?: JudgeView
  /** Pairs of the shadow stage that count here beside the canary's own; `used` false: the stages differ, the canary stands alone. */
  readonly carried?: { readonly pairs: number; readonly used: boolean }
  /** Of a primary, in the last stage, once all primaries have come to their last look: whether it may be called better. */
  readonly superiority?: SuperiorityView
  /** Advance questions on pairs, over all of the wave: whether the candidate has become worse at some hour. Shown; outside the error budget. */
  readonly drift?: DriftView
}

export type VerdictOutcome = 'advance' | 'hold' | 'review' | 'rollback' | 'calibrated'

/** A gate's answer for one (run, wave, stage entry). Also the payload (JSON) of a `verdict` command. */
export interface Verdict {
  readonly outcome: VerdictOutcome
  /** Stable identifier of the first thing that decides, e.g. NEED_PAIRS, BREACH, TRADE_OFF, LOW_COMPLETENESS. */
  readonly reasonCode: string
  /** One plain sentence with numbers. */
  readonly reason: string
  readonly metrics: readonly MetricVerdict[]
  /** Slices that the search found, the likeliest beyond its margin first: they propose and decide nothing. Verdicts of older gates have none. */
  readonly findings?: readonly SliceFinding[]
  /** What the baseline asked twice says of the noise and of the gate's own tests; absent from verdicts of older gates. */
  readonly instrument?: InstrumentView
  readonly n: number
  readonly nRequired: number | null
  /** When the next look is expected at the present rate, ms since the epoch; null when unknown. */
  readonly etaAtMs: number | null
  readonly frontierMs: number
  readonly latch: string | null
  readonly frozen: Frozen | null
  readonly planHash: string
  readonly evidenceOffsets: Readonly<Record<string, number>>
  readonly codeVersion: string
  /**
   * What a replay needs beside plan, evidence and frontier: the stage as the gate saw it, its limits, and what it had counted. Nothing is drawn at
   * random: which pair of a unit counts comes from a hash of the run's id and the unit (`seed` is that id). Verdicts of older gates lack all four.
   */
  readonly judged?: StageView
  readonly limits?: RunGateLimits
  readonly counts?: GateCounts
  readonly seed?: string
  /** Corrections that had been applied by then, in order; at most the first 500. */
  readonly corrections?: readonly AppliedCorrection[]
  readonly gate: string
}
