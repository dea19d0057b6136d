import type { Variant } from '../events/records.ts'
import type { HarmRule, Margin, MetricRole, PlannedJudge } from '../gate/plan.ts'

/** A stage of a wave. Weight 0 is the shadow stage, 100000 the full one; weights in parts of 100000. */
export interface StageSpec {
  readonly name: string
  readonly candidateWeight: number
  readonly minDurationMs: number
  /** The season whose whole periods `minDurationMs` is made of: the gate waits for them too. Null: an ordinary minimum. */
  readonly wholePeriodMs: number | null
  /** After this without permission to advance the run goes to review. */
  readonly maxDurationMs: number
  readonly approval: 'automatic' | 'manual'
  readonly onLapse: 'baseline' | 'hold'
}

/** A part of the traffic that moves on its own; `match` compares tenant and segments, all must be equal; empty matches everything. */
export interface WaveSpec {
  readonly id: string
  readonly match: Readonly<Record<string, string>>
  /** In order; the first is the shadow stage. */
  readonly stages: readonly StageSpec[]
}

/** What is declared of an amount, all in the metric's own unit. */
export interface AmountPolicy {
  /** What is above counts as this, wherever the amount decides; null: not declared, so it cannot. */
  readonly largest: number | null
  /** What the planner assumes before calibration: the baseline's mean, and the standard deviation of a paired difference. */
  readonly assumedMean: number
  readonly assumedSpread: number
}

export interface MetricPolicy {
  readonly name: string
  readonly role: MetricRole
  readonly mustHaveData: boolean
  readonly margin: Margin
  readonly harmRule: HarmRule
  readonly onBreach: 'rollback' | 'review'
  /** `*_over_budget` and p99 rules. */
  readonly budgetMs: number | null
  /** What the planner assumes before calibration: discordance for paired, event rate for unpaired tests. */
  readonly assumedRate: number
  /** Null: a rate. */
  readonly amount: AmountPolicy | null
  /** Highest rate allowed at full weight, where no baseline is concurrent; null: none. */
  readonly ceiling: number | null
}

/** The rollout file with every default filled in. Compiled to an AnalysisPlan by domain/gate. */
export interface RolloutSpec {
  readonly name: string
  readonly route: string
  readonly change: 'prompt' | 'model'
  readonly baseline: Variant
  readonly candidate: Variant
  readonly routers: readonly string[]
  readonly stickyKey: string
  readonly waves: readonly WaveSpec[]
  /** One wave after the other, or all side by side, each with a share of α. Absent from runs older than the choice: a sequence. */
  readonly waveOrder?: 'sequence' | 'together'
  readonly shadow: {
    readonly share: number
    readonly secondLegShare: number
    readonly deadlineMs: number
    readonly budgetMicroUsd: number
    readonly budgetCalls: number
    /** Share of first turns that the candidate answered of which the baseline is asked, too; absent in runs of before it could be: 0. */
    readonly counterfactualShare?: number
    /** Segment as `key=value` (or `tenant=…`) → share of its exchanges that are shadowed; never below `share`. Absent: none is sampled more often. */
    readonly segmentShares?: Readonly<Record<string, number>>
    /** Limits besides the two above, by their names in `ShadowShares.budgets`; what is not named is not limited. */
    readonly budgetLimits?: Readonly<Record<string, number>>
  }
  readonly metrics: readonly MetricPolicy[]
  readonly criticalSlices: readonly { readonly key: string; readonly value: string }[]
  /** Slices nobody declared are searched by these keys; keys null: the tenant and the segment keys that the traffic carries. Null: no search. */
  readonly sliceSearch: { readonly keys: readonly string[] | null } | null
  readonly legTimeoutMs: number
  readonly graceMs: number
  readonly calibrationPairs: number
  readonly unitsMin: number
  readonly stickyKeysMin: number
  /** Median pairs of a unit (session), as known from traffic: the pair of a unit that enters is drawn with this mean. */
  readonly pairsPerUnitMedian: number
  /** Smallest probability with which an exchange gets its pair, where whoever samples takes some segments more often; null: all alike. */
  readonly inclusionMin: number | null
  readonly joinCompletenessMin: number
  /** Questions of a canary on pairs may use those of the shadow stage. Absent from runs older than the rule. */
  readonly carryOver?: boolean
  readonly alphaAdvance: number
  /** Total miss probability over guardrails and gates; per guardrail it is divided (correct β, not α). */
  readonly betaTotal: number
  readonly exceedance: {
    readonly windowMs: number
    readonly subWindows: number
    readonly alpha: number
    readonly countMin: number
  }
  readonly leaseMs: number
  readonly bakeMs: number
  readonly cooldownMs: number
  /** Specs of older rollouts have none. */
  readonly judges?: readonly PlannedJudge[]
  readonly golden: { readonly digest: string; readonly chunks: number; readonly entries: number } | null
  readonly prices: Readonly<
    Record<string, { readonly inputMicroUsdPerMillion: number; readonly outputMicroUsdPerMillion: number }>
  >
  /** Deviations from the recommended defaults, each a plain sentence; shown by apply, status and the demo. */
  readonly deviations: readonly string[]
}

/** How a golden answer is compared. `lastMatch` takes the last match's first group (or the whole match) of the pattern. */
export type GoldenRule =
  | { readonly kind: 'exact' | 'normalised' | 'json' }
  | { readonly kind: 'numeric'; readonly tolerance: number }
  | { readonly kind: 'last_match'; readonly pattern: string; readonly flags: string; readonly fold: boolean }

export interface GoldenEntry {
  /** Matched by x-penstock-golden … */
  readonly ref: string | null
  /** … or by the SHA-256 (hex) of the last user message. */
  readonly promptHash: string | null
  readonly expected: string
  readonly rule: GoldenRule
}

/** JSON value of `rollout.runs.v1` under golden/<digest>/<index>. The digest is SHA-256 over the canonical JSON of all entries in order. */
export interface GoldenChunk {
  readonly digest: string
  readonly index: number
  readonly chunks: number
  readonly entries: readonly GoldenEntry[]
}
