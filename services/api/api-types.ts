// Generated from schemas/openapi.yaml by `npm run generate`. Do not edit.

interface components {
  schemas: {
    readonly Problem: {
      /** @constant */
      readonly type: 'about:blank'
      /** What the status means */
      readonly title: string
      readonly status: number
      /** Stable upper-case identifier */
      readonly code: string
      /** What is wrong and what to do */
      readonly detail: string
      readonly problems: readonly components['schemas']['FieldProblem'][]
    }
    readonly FieldProblem: {
      /** 1-based line of the rollout file; null when the problem is not in a file */
      readonly line: number | null
      /** The field, dotted */
      readonly path: string
      /** What is wrong and what to write instead */
      readonly message: string
    }
    readonly DoctorReport: {
      /** Version of the API */
      readonly version: string
      /** The API's clock */
      readonly at: number
      readonly checks: readonly components['schemas']['Check'][]
    }
    readonly Check: {
      /**
       * What was looked at; `api` and `clocks` also come from the CLI
       * @enum {unknown}
       */
      readonly part:
        | 'api'
        | 'broker'
        | 'topics'
        | 'rights'
        | 'schemas'
        | 'store'
        | 'redis'
        | 'services'
        | 'lag'
        | 'gates'
        | 'routers'
        | 'brakes'
        | 'dead letters'
        | 'clocks'
      /**
       * `warn` needs a look, `fail` keeps something from working
       * @enum {unknown}
       */
      readonly state: 'ok' | 'warn' | 'fail'
      /** What was seen */
      readonly what: string
      /** What to do; null when all is well */
      readonly fix: string | null
    }
    /** a text of 1 to 2000 characters that says why, kept with the decision */
    readonly Reason: string
    readonly ApplyRequest: {
      /** The rollout file as it is */
      readonly text: string
      /** The entries of the golden set that the file names */
      readonly golden?: readonly unknown[] | null
      readonly reason?: components['schemas']['Reason']
    }
    readonly CommandRequest: {
      readonly kind: 'promote' | 'hold' | 'resume' | 'rollback' | 'approve' | 'reject' | 'release'
      readonly reason: components['schemas']['Reason']
      /** promote alone: all waves to 100 % at once, outside the error budget; needs admin */
      readonly full?: boolean
      /** release alone; may be left out when one latch is open */
      readonly latch?: string
    }
    readonly KillRequest: {
      readonly reason: components['schemas']['Reason']
    }
    readonly ReleaseRequest: {
      readonly reason: components['schemas']['Reason']
      /** Id of one kill; all open ones when left out */
      readonly kill?: string
    }
    readonly RunList: {
      readonly runs: readonly components['schemas']['RunStatus'][]
    }
    readonly DecisionList: {
      readonly decisions: readonly components['schemas']['Decision'][]
    }
    readonly RunRecord: {
      /** JSON of `rollout.runs.v1`: spec, plan and state */
      readonly run: {
        readonly [key: string]: unknown
      }
      readonly decisions: readonly components['schemas']['Decision'][]
    }
    readonly EvidencePage: {
      readonly evidence: readonly components['schemas']['Evidence'][]
      /** Offset at which the next page begins; null after the last */
      readonly next: number | null
    }
    /** A record as `schemas/avro/Evidence.avsc` describes it, in JSON */
    readonly Evidence: {
      readonly [key: string]: unknown
    }
    readonly PairList: {
      readonly pairs: readonly components['schemas']['Pair'][]
    }
    readonly ApplyAnswer: {
      readonly run: string
      /** false when the same rollout runs already */
      readonly created: boolean
      /** null while the new run has not been read back */
      readonly status: components['schemas']['RunStatus'] | null
      readonly plan: components['schemas']['PlanSummary']
    }
    readonly CommandAnswer: {
      /** The latch that a rollback has written */
      readonly latch: string | null
      /** null when a rollback still waits for the controller */
      readonly decision: components['schemas']['Decision'] | null
      readonly status: components['schemas']['RunStatus']
    }
    readonly KillAnswer: {
      readonly kill: string
      /** Active runs that it binds */
      readonly runs: readonly string[]
    }
    readonly ReleaseAnswer: {
      readonly released: readonly string[]
      /** Kills that still bind the route */
      readonly stillOpen: readonly string[]
    }
    readonly Explanation: {
      readonly status: components['schemas']['RunStatus']
      /** The gate's last word; null when no gate has spoken */
      readonly verdict: components['schemas']['Verdict'] | null
      readonly decisions: readonly components['schemas']['Decision'][]
      readonly latches: readonly components['schemas']['Latch'][]
      /** The last of each router of the route */
      readonly acks: readonly components['schemas']['Ack'][]
      readonly plan: components['schemas']['PlanSummary']
    }
    /** The one answer to "where, why, what next, when" */
    readonly RunStatus: {
      readonly run: string
      readonly name: string
      readonly route: string
      readonly attempt: number
      readonly phase: components['schemas']['Phase']
      readonly decision: 'advance' | 'hold' | 'review' | 'rollback' | 'completed' | 'waiting'
      readonly decisionCode: string
      readonly decisionReason: string
      readonly wave: string
      readonly stage: string | null
      readonly stageEntry: number
      /** What the candidate gets of the active wave now */
      readonly candidateWeight: number
      /** When the phase began */
      readonly sinceMs: number
      /** Units entered in this stage entry */
      readonly n: number | null
      readonly nRequired: number | null
      readonly next: string
      /** When the next step is expected */
      readonly etaAtMs: number | null
      /** When a gate last spoke about this stage entry */
      readonly gateAtMs: number | null
      /** Arrival time up to which its evidence is complete */
      readonly watermarkMs: number | null
      /** Every test of this stage entry with its numbers; empty before a gate has spoken */
      readonly metrics: readonly components['schemas']['MetricVerdict'][]
      /** Slices that the search proves worse, the likeliest beyond its margin first, at most 20. They propose; nothing is held or taken back for them. */
      readonly findings: readonly components['schemas']['SliceFinding'][]
      readonly waves: readonly components['schemas']['WaveStatus'][]
      readonly routers: readonly {
        readonly id: string
        /** Applies the present split */
        readonly acked: boolean
      }[]
      readonly epoch: number
      readonly awaitingApproval: 'approval' | 'verdict' | 'max_duration' | 'ack_rejected' | null
      readonly safeToAdvance: boolean
      readonly killed: boolean
      readonly kills: readonly string[]
      /** Weights are 0 until a person resumes */
      readonly parked: boolean
      readonly openLatches: readonly string[]
      readonly calibrated: boolean
      readonly overrides: readonly components['schemas']['Override'][]
      readonly lastRevert: components['schemas']['Revert'] | null
      readonly lastRollbackReason: string | null
      readonly cooldownUntilMs: number | null
      readonly planHash: string
      readonly deviations: readonly string[]
    }
    readonly Phase: 'draft' | 'shadow' | 'canary' | 'bake' | 'completed' | 'held' | 'review' | 'rolled_back' | 'aborted'
    readonly WaveStatus: {
      readonly id: string
      readonly status: 'waiting' | 'active' | 'finished'
      readonly stage: string | null
      readonly stageEntry: number
      readonly candidateWeight: number
      readonly stages: readonly {
        readonly name: string
        readonly candidateWeight: number
        readonly mark: 'done' | 'current' | 'waiting'
      }[]
    }
    /** A move that no passing verdict allowed */
    readonly Override: {
      readonly wave: string
      readonly stageEntry: number
      readonly by: string
      readonly reason: string
      readonly atMs: number
    }
    /** The times of the last revert, as far as they are known */
    readonly Revert: {
      readonly reasonCode: string
      readonly reason: string
      readonly by: string
      readonly latch: string | null
      readonly breachedAtMs: number | null
      readonly latchWrittenAtMs: number | null
      readonly seenAtMs: number
      /** Router → when it first had the revert in force */
      readonly routersMs: {
        readonly [key: string]: number
      }
    }
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
      readonly metrics: readonly components['schemas']['MetricVerdict'][]
      /** Slices that the search proves worse; absent from records of older gates */
      readonly findings?: readonly components['schemas']['SliceFinding'][]
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
      readonly frozen: components['schemas']['Frozen'] | null
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
    readonly Decision: {
      readonly id: string
      readonly run: string
      readonly wave: string
      readonly stage_entry: number
      readonly from_phase: string
      readonly to_phase: string
      readonly by: string
      readonly reason: string
      /** JSON: policy hash, counts, intervals, offsets, the verdict */
      readonly analysis: string
      readonly times: {
        readonly [key: string]: number
      }
      readonly at: number
    }
    readonly Latch: {
      readonly id: string
      readonly route: string
      readonly run: string
      readonly wave: string | null
      readonly reason: string
      readonly by: string
      readonly breached_at: number
      readonly written_at: number
    }
    readonly Ack: {
      readonly router: string
      readonly route: string
      readonly epoch: number
      readonly brakes: readonly string[]
      readonly lease: string
      readonly outcome: string
      readonly code: string | null
      readonly observed_candidate_share: number | null
      readonly applied_at: number
      readonly sent_at: number
    }
    /** What a plan asks for */
    readonly PlanSummary: {
      readonly hash: string
      readonly stages: readonly {
        readonly wave: string
        readonly stage: string
        readonly candidateWeight: number
        readonly minDurationMs: number
        /** The season whose whole periods the shortest duration is made of */
        readonly wholePeriodMs: number | null
        readonly maxDurationMs: number
        readonly approval: 'automatic' | 'manual'
        /** Units that the slowest test needs for its first look */
        readonly pairsRequired: number
        readonly decidedBy: string | null
      }[]
      /** Chance of a false rollback over the whole run, at most */
      readonly errorBudget: number
      readonly budget: components['schemas']['ErrorBudget']
      readonly shadowCostMicroUsdMax: number
      /** Before the slowest first look of every stage */
      readonly shadowCallsRequired: number
      /** Before the slowest last look of every stage */
      readonly shadowCallsAllLooks: number
      readonly shadowCallsMax: number
      readonly deviations: readonly string[]
    }
    /** Every way in which a run may err, enumerated before its first record */
    readonly ErrorBudget: {
      /** Taking back a harmless candidate, or asking a person about one */
      readonly falseAlarm: {
        readonly limit: number
        readonly total: number
        readonly families: readonly {
          readonly family: 'error' | 'safety' | 'quality' | 'latency' | 'cost' | 'slices'
          readonly limit: number
          readonly total: number
          readonly tests: readonly {
            readonly id: string
            readonly alpha: number
            readonly onBreach: 'rollback' | 'review'
          }[]
        }[]
      }
      /** Promoting an unacceptable candidate in any wave */
      readonly falsePromotion: {
        readonly alpha: number
        readonly questions: number
        readonly waves: 'fixed_sequence'
      }
      /** Not promoting a harmless candidate; the total is divided over deciding metrics and gates */
      readonly miss: {
        readonly total: number
        readonly metrics: number
        readonly gates: number
        readonly each: number
      }
      /** What may stop a run and is no part of these sums */
      readonly outside: readonly string[]
    }
    /** A row of the view `pairs` */
    readonly Pair: {
      readonly run: string
      readonly wave: string
      readonly stage: string
      readonly stage_entry: number
      readonly exchange_id: string
      /** UTC */
      readonly arrived_at: string
      readonly tenant: string
      readonly segments: {
        readonly [key: string]: string
      }
      readonly baseline_resolution: string | null
      readonly candidate_resolution: string | null
      readonly baseline_metrics: {
        readonly [key: string]: number
      }
      readonly candidate_metrics: {
        readonly [key: string]: number
      }
      readonly live_arm: string
      readonly prompt: string
      readonly baseline_output: string
      readonly candidate_output: string
      readonly baseline_model: string
      readonly candidate_model: string
      readonly baseline_ms: number | null
      readonly candidate_ms: number | null
    }
  }
  responses: {
    /**
     * 400 not readable as JSON; 401 no or an unknown token; 403 its role does not suffice; 404 no such run, route or operation; 409 it does
     *     not fit the state; 413 body above 64 MiB; 415 not JSON; 422 fields are wrong; 503 Kafka or the store is away, or the API is
     *     starting; 504 no decision in time
     */
    readonly Problem: {
      headers: {
        readonly [name: string]: unknown
      }
      content: {
        readonly 'application/problem+json': components['schemas']['Problem']
      }
    }
  }
  parameters: {
    /** Id of a run, name of its rollout, or `latest` */
    readonly run: string
    /** A route that a run or a split names, or `*` for all */
    readonly route: string
  }
  requestBodies: never
  headers: never
  pathItems: never
}

/** The API's schemas by name. */
export type Api = components['schemas']
