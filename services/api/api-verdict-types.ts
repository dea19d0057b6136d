// Generated from schemas/openapi.yaml by `npm run generate`. Do not edit.

/** A verdict and what it is made of. */
export interface VerdictSchemas {
  /** One test's numbers. Estimate and limits are candidate − baseline; for harm tests positive is worse. */
  readonly MetricVerdict: {
    readonly test: string
    readonly metric: string
    readonly comparison: 'live_ab' | 'content_ab' | 'shadow_ab' | 'aa'
    readonly slice: {
      readonly key: string
      readonly value: string
    } | null
    readonly role: 'guardrail' | 'primary' | 'signal' | 'muted'
    readonly state: 'unacceptable' | 'worse' | 'unclear' | 'acceptable' | 'better' | 'no_data'
    readonly estimate: number | null
    readonly intervalLow: number | null
    readonly intervalHigh: number | null
    readonly baselineValue: number | null
    readonly candidateValue: number | null
    readonly eValue: number | null
    readonly eThreshold: number | null
    readonly n: number
    readonly nRequired: number | null
    readonly table: {
      readonly both: number
      readonly onlyCandidate: number
      readonly onlyBaseline: number
      readonly neither: number
    } | null
    readonly looksSpent: number
    readonly passed: boolean
    /** Who supplies the metric, and whether it may decide; absent from metrics of the exchanges themselves */
    readonly judge?: {
      readonly source: string
      readonly state: 'fit' | 'unfit' | 'expired'
      readonly faults: readonly string[]
    }
    /** Pairs of the shadow stage that count beside the canary's own; not used: the stages differ, the canary stands alone */
    readonly carried?: {
      readonly pairs: number
      readonly used: boolean
    }
    /** Whether a primary may be called better; in the last stage alone, once all primaries have come to their last look */
    readonly superiority?: {
      /** One-sided, of no better, over the looks at which it might have been asked */
      readonly p: number
      /** The same over all primaries (Holm) */
      readonly adjustedP: number
      /** Chance that any primary is called better which is not */
      readonly alpha: number
      readonly primaries: number
      readonly better: boolean
    }
    /** Whether the candidate has become worse at some hour of the wave; questions on pairs alone; outside the error budget */
    readonly drift?: {
      readonly hours: number
      /** Pairs of the newest hour that are bad under the candidate alone less those under the baseline alone */
      readonly netNow: number
      /** Of an e-detector */
      readonly evidence: number
      /** Hours without a change between two false alarms on average at least */
      readonly threshold: number
      readonly alarmAtMs: number | null
    }
  }
  /** A slice nobody declared in which a guardrail is proven worse. Differences are candidate − baseline. */
  readonly SliceFinding: {
    readonly metric: string
    readonly comparison: 'live_ab' | 'content_ab' | 'shadow_ab' | 'aa'
    /** One or two conditions that all hold */
    readonly slice: readonly {
      readonly key: string
      /** Null: every value that was too rare to be a slice */
      readonly value: string | null
    }[]
    /** Pairs, one a unit */
    readonly n: number
    readonly baselineValue: number
    readonly candidateValue: number
    /** As counted in the slice */
    readonly difference: number
    /** Shrunk towards the mean of all slices */
    readonly shrunkDifference: number
    /** In all other traffic */
    readonly elsewhereDifference: number | null
    /** Probability that the shrunk difference is beyond the margin */
    readonly beyondMarginP: number
    readonly margin: number
    /** One-sided p of: worse here than elsewhere */
    readonly specificP: number
    readonly eValue: number
    /** All of it in one sentence */
    readonly sentence: string
  }
  readonly Frozen: {
    readonly baselineValues: {
      readonly [key: string]: number
    }
    readonly discordanceFloors: {
      readonly [key: string]: number
    }
    readonly clipBounds: {
      readonly [key: string]: number
    }
    readonly pairs: number
  }
  readonly Verdict: {
    readonly outcome: 'advance' | 'hold' | 'review' | 'rollback' | 'calibrated'
    readonly reasonCode: string
    readonly reason: string
    readonly metrics: readonly VerdictSchemas['MetricVerdict'][]
    /** Slices that the search proves worse; absent from records of older gates */
    readonly findings?: readonly VerdictSchemas['SliceFinding'][]
    /** What the baseline asked twice says of the noise and of the gate's own tests; absent from records of older gates */
    readonly instrument?: {
      /** Harm tests that were also run on the baseline against itself */
      readonly audited: number
      /** Those of them that fired */
      readonly fired: readonly string[]
      readonly noise: readonly {
        readonly metric: string
        /** Requests with all three answers, one per unit */
        readonly n: number
        readonly candidateRate: number | null
        readonly baselineRate: number | null
        /** Disagreement of the candidate beyond that of the baseline with itself */
        readonly excess: number
        readonly low: number
        readonly high: number
      }[]
    }
    readonly n: number
    readonly nRequired: number | null
    readonly etaAtMs: number | null
    readonly frontierMs: number
    readonly latch: string | null
    readonly frozen: VerdictSchemas['Frozen'] | null
    readonly planHash: string
    readonly evidenceOffsets: {
      readonly [key: string]: number
    }
    readonly codeVersion: string
    /** The stage as the gate saw it; absent from records of older gates, as are limits, counts and seed */
    readonly judged?: {
      readonly wave: string
      readonly stageEntry: number
      readonly stageName: string
      readonly candidateWeight: number
      readonly approved: boolean
      readonly approvals?: readonly {
        readonly wave: string
        readonly stageEntry: number
      }[]
      /** The wave has passed its last gate */
      readonly finished?: boolean
      /** The whole seasonal periods that the stage must see */
      readonly wholePeriod?: null | {
        readonly periodMs: number
        readonly untilMs: number | null
      }
    }
    readonly limits?: {
      readonly waitingMax: number
      readonly unitsMax: number
    }
    /** Records entered and left out so far, by kind */
    readonly counts?: {
      readonly entered: number
      readonly late: number
      readonly duplicate: number
      readonly corrected: number
      /** Corrections that could not be applied */
      readonly uncorrectable?: number
      readonly unusable: number
      readonly refused: number
      readonly unitsDropped: number
    }
    /** Corrections applied to records that had entered, in order; at most the first 500 */
    readonly corrections?: readonly {
      readonly id: string
      readonly version: number
      /** Broker time through which evidence had entered */
      readonly atMs: number
      readonly before: {
        readonly version: number
        readonly metrics: readonly {
          readonly name: string
          readonly baseline: number | null
          readonly candidate: number | null
        }[]
      }
    }[]
    /** Seeds the choice of one pair per unit; nothing is drawn at random */
    readonly seed?: string
    readonly gate: string
  }
}
