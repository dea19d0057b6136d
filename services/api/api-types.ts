// Generated from schemas/openapi.yaml by `npm run generate`. Do not edit.
import type { VerdictSchemas } from './api-verdict-types.ts'

/** The API's schemas by name. */
export interface Api extends VerdictSchemas {
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
    readonly problems: readonly Api['FieldProblem'][]
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
    readonly checks: readonly Api['Check'][]
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
    readonly reason?: Api['Reason']
  }
  readonly CommandRequest: {
    readonly kind: 'promote' | 'hold' | 'resume' | 'rollback' | 'approve' | 'reject' | 'release'
    readonly reason: Api['Reason']
    /** promote alone: all waves to 100 % at once, outside the error budget; needs admin */
    readonly full?: boolean
    /** release alone; may be left out when one latch is open */
    readonly latch?: string
    /** promote and approve alone; has to be named while several waves are active */
    readonly wave?: string
  }
  readonly KillRequest: {
    readonly reason: Api['Reason']
  }
  readonly ReleaseRequest: {
    readonly reason: Api['Reason']
    /** Id of one kill; all open ones when left out */
    readonly kill?: string
  }
  readonly RunList: {
    readonly runs: readonly Api['RunStatus'][]
  }
  readonly DecisionList: {
    readonly decisions: readonly Api['Decision'][]
  }
  readonly RunRecord: {
    /** JSON of `rollout.runs.v1`: spec, plan and state */
    readonly run: {
      readonly [key: string]: unknown
    }
    readonly decisions: readonly Api['Decision'][]
  }
  readonly EvidencePage: {
    readonly evidence: readonly Api['Evidence'][]
    /** Offset at which the next page begins; null after the last */
    readonly next: number | null
  }
  /** A record as `schemas/avro/Evidence.avsc` describes it, in JSON */
  readonly Evidence: {
    readonly [key: string]: unknown
  }
  readonly PairList: {
    readonly pairs: readonly Api['Pair'][]
  }
  readonly ApplyAnswer: {
    readonly run: string
    /** false when the same rollout runs already */
    readonly created: boolean
    /** null while the new run has not been read back */
    readonly status: Api['RunStatus'] | null
    readonly plan: Api['PlanSummary']
  }
  readonly CommandAnswer: {
    /** The latch that a rollback has written */
    readonly latch: string | null
    /** null when a rollback still waits for the controller */
    readonly decision: Api['Decision'] | null
    readonly status: Api['RunStatus']
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
    readonly status: Api['RunStatus']
    /** The gate's last word about the wave that the status speaks of; null when no gate has spoken */
    readonly verdict: Api['Verdict'] | null
    /** The gate's last word about each wave of which it has spoken, in the order of the waves */
    readonly verdicts: readonly {
      readonly wave: string
      /** An earlier one than the wave's present says nothing of that */
      readonly stageEntry: number
      readonly atMs: number
      readonly verdict: Api['Verdict']
    }[]
    readonly decisions: readonly Api['Decision'][]
    readonly latches: readonly Api['Latch'][]
    /** The last of each router of the route */
    readonly acks: readonly Api['Ack'][]
    readonly plan: Api['PlanSummary']
  }
  /** The one answer to "where, why, what next, when" */
  readonly RunStatus: {
    readonly run: string
    readonly name: string
    readonly route: string
    readonly attempt: number
    readonly phase: Api['Phase']
    readonly decision: 'advance' | 'hold' | 'review' | 'rollback' | 'completed' | 'waiting'
    readonly decisionCode: string
    readonly decisionReason: string
    /** The wave that this answer speaks of: the one that waits for a person, else the only active one, else the first active one */
    readonly wave: string
    readonly stage: string | null
    readonly stageEntry: number
    /** What the candidate gets of that wave now */
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
    readonly metrics: readonly Api['MetricVerdict'][]
    /** Slices that the search proves worse, the likeliest beyond its margin first, at most 20. They propose; nothing is held or taken back for them. */
    readonly findings: readonly Api['SliceFinding'][]
    readonly waves: readonly Api['WaveStatus'][]
    readonly routers: readonly {
      readonly id: string
      /** Applies the present split */
      readonly acked: boolean
    }[]
    readonly epoch: number
    readonly awaitingApproval: 'approval' | 'verdict' | 'max_duration' | 'ack_rejected' | null
    /** The wave that waits for a person */
    readonly awaitingWave: string | null
    /** Some active wave may advance by its evidence */
    readonly safeToAdvance: boolean
    readonly killed: boolean
    readonly kills: readonly string[]
    /** Weights are 0 until a person resumes */
    readonly parked: boolean
    readonly openLatches: readonly string[]
    readonly calibrated: boolean
    readonly overrides: readonly Api['Override'][]
    readonly lastRevert: Api['Revert'] | null
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
    /**
     * Of its present stage entry; null where nothing is decided
     * @enum {unknown}
     */
    readonly decision: 'advance' | 'hold' | 'review' | null
    readonly decisionCode: string | null
    readonly decisionReason: string | null
    /** Units entered in its present stage entry */
    readonly n: number | null
    readonly nRequired: number | null
    readonly etaAtMs: number | null
    readonly gateAtMs: number | null
    readonly awaitingApproval: 'approval' | 'verdict' | 'max_duration' | null
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
    readonly budget: Api['ErrorBudget']
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
      /** Of each question; a part of it where waves go side by side */
      readonly each: number
      readonly questions: number
      readonly waves: 'fixed_sequence' | 'bonferroni'
    }
    /** Calling any primary better which is not; null where none decides */
    readonly falseClaim: {
      readonly alpha: number
      /** Of each wave that claims; a part of it where waves go side by side */
      readonly each: number
      readonly primaries: number
    } | null
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
