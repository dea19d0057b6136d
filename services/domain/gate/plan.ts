import type { Comparison } from '../events/records.ts'
import type { JudgeRecord } from '../stats/judge/judge-fitness.ts'

/** What part a metric plays. Only a guardrail may roll back; guardrails and primaries must pass; signals are shown; muted ones are not. */
export type MetricRole = 'guardrail' | 'primary' | 'signal' | 'muted'

/** A metric as the plan fixes it. Binary metrics are bad events (1 = bad); for means, `lowerIsBetter` says which way harm lies. */
export interface PlannedMetric {
  readonly name: string
  readonly kind: 'binary' | 'mean'
  readonly role: MetricRole
  readonly lowerIsBetter: boolean
  readonly mustHaveData: boolean
  /** Age of each leg, from its own start, at which the outcome is read and final. */
  readonly horizonMs: number
  /** For `*_over_budget`: the budget. */
  readonly budgetMs: number | null
  readonly comparisons: readonly Comparison[]
}

/** All pairs, or those whose segment (or tenant) has one value. */
export type Slice = { readonly key: string; readonly value: string } | null

/** Margins are differences of rates or means. A relative one is frozen at calibration: factor × the baseline's A/A value, never below the floor. */
export type Margin =
  | { readonly kind: 'absolute'; readonly value: number }
  | { readonly kind: 'relative'; readonly factor: number; readonly floor: number }

/**
 * paired_binary: truncated beta-binomial on discordant pairs. event_share: who has the event, given the share. beyond_margin: betting on H0 Δ ≤ M.
 * exceedance: the p99 rule (sub-windows, and the event share of exceedances against R = 1). ceiling: one arm's rate against a fixed limit, for stages without a concurrent baseline.
 */
export type HarmEngine = 'paired_binary' | 'event_share' | 'beyond_margin' | 'exceedance' | 'ceiling'

/** harm_and_estimate: no-harm null rejected and the estimate reaches the margin. beyond_margin: H0 Δ ≤ M rejected. */
export type HarmRule = 'harm_and_estimate' | 'beyond_margin'

/** One question "is it doing harm?", asked with every record. Its α is part of the run's error budget, enumerated at start. */
export interface HarmTest {
  readonly id: string
  readonly family: 'error' | 'safety' | 'quality' | 'latency' | 'cost' | 'slices'
  readonly metric: string
  readonly comparison: Comparison
  readonly slice: Slice
  readonly engine: HarmEngine
  readonly rule: HarmRule
  /** Of a mean whose larger values are the better ones: harm lies below. Absent: above. */
  readonly higherIsBetter?: true
  readonly alpha: number
  readonly margin: Margin
  /** event_share: smallest rate-ratio estimate that acts, and fewest candidate events. */
  readonly rateRatioMin: number | null
  /** event_share, exceedance: the largest rate ratio that the null calls no harm. */
  readonly nullRateRatio: number
  readonly candidateEventsMin: number | null
  /**
   * Fast twins: a candidate that fails or refuses sooner, but not more often, is no worse. The twin acts on a burst alone: when the candidate's own
   * fast rate is proven above this, whatever the baseline's slow outcomes turn out to be. Null: not a twin.
   */
  readonly burstAbove: number | null
  /** Expected discordant pairs at the decision, for tuning the mixture. */
  readonly tunedForDiscordant: number
  readonly stages: 'shadow' | 'canary' | 'full' | 'any'
  readonly onBreach: 'rollback' | 'review'
}

/** One question "may it advance?", asked at the planned looks of a stage. */
export interface AdvanceTest {
  readonly id: string
  readonly metric: string
  readonly comparison: Comparison
  readonly slice: Slice
  /** tango: pairs, yes or no. farrington_manning: live arms, yes or no. paired_mean: pairs of amounts. */
  readonly engine: 'tango' | 'farrington_manning' | 'paired_mean'
  readonly higherIsBetter?: true
  readonly alpha: number
  readonly margin: Margin
  /**
   * Assumed discordance (pairs) or event rate (live arms) that sized the test; calibration may raise it to its upper 80 % limit. Amounts: the assumed
   * variance of a difference, in squared margins.
   */
  readonly assumedRate: number
  /**
   * ((z_α + z_β) / M)²; looks fall at 1, 4/3, 5/3 and 2 times this. Amounts have no looks, and are counted in margins (M = 1), since most margins are frozen
   * later: (z_β + √(z_β² + 2 ln 1/α))².
   */
  readonly informationFixed: number
  /** Of amounts: the largest one; what is above counts as this. */
  readonly largest?: number
  /** Forecast of informationFixed in units (pairs, or candidate units). */
  readonly requiredUnits: number
  readonly stages: 'shadow' | 'canary'
  /** The shadow stage's question whose pairs this one may use; null: its own alone. Absent from plans older than the rule. */
  readonly carriesFrom?: string | null
  /** Carries the claim "better" of a primary in the last stage. Absent: it does not. */
  readonly claims?: true
}

/** The claim that primaries are better: asked once, in the last stage before full weight. */
export interface ClaimPlan {
  /** One-sided, over all primaries together (Holm). */
  readonly alpha: number
  /** Part of a primary's level at each look. */
  readonly lookShares: readonly number[]
  readonly lastStages: readonly { readonly wave: string; readonly stage: string }[]
}

/** Where harm that nobody declared a slice for is looked for. What is found proposes and never acts, so it is outside the error budget. */
export interface SliceSearchPlan {
  /** Keys whose values and 2-way crosses are searched (`tenant` is one); null: the tenant and the segment keys that the traffic carries. */
  readonly keys: readonly string[] | null
  readonly falseDiscoveryRate: number
  /** Tunes the mixture of each slice: discordant pairs expected when it is found, and the level at which it then is. */
  readonly tunedForDiscordant: number
  readonly tunedForAlpha: number
  readonly questions: readonly { readonly metric: string; readonly comparison: Comparison; readonly margin: Margin }[]
}

/** What calibration froze once; written into the run by the controller alone. */
export interface Frozen {
  /** Baseline A/A value per metric. */
  readonly baselineValues: Readonly<Record<string, number>>
  /** Upper 80 % Wilson limit of the A/A discordance per metric. */
  readonly discordanceFloors: Readonly<Record<string, number>>
  /** 99.5 % of |d| in A/A per mean metric. */
  readonly clipBounds: Readonly<Record<string, number>>
  readonly pairs: number
}

/** Who supplies metrics from outside, as the policy declares it with its calibration. */
export interface PlannedJudge {
  /** `judge:<version>` or `external:<name>`, as on its evidence: another version is another source. */
  readonly source: string
  readonly metrics: readonly string[]
  readonly calibration: JudgeRecord
  readonly measuredAtMs: number
  readonly validUntilMs: number
  /** Its answer is waited for this long beyond the horizon. */
  readonly withinMs: number
}

/** The policy, compiled once by `apply` and kept in the run with its hash; gate and pairing read this and never the policy. */
export interface AnalysisPlan {
  readonly version: 1
  /** SHA-256 of the canonical JSON of everything else in the plan. */
  readonly hash: string
  readonly metrics: readonly PlannedMetric[]
  readonly harm: readonly HarmTest[]
  readonly advance: readonly AdvanceTest[]
  /** Null: no slices are searched. */
  readonly search: SliceSearchPlan | null
  /** Information fractions of the looks and the one-sided critical values at them. */
  readonly looks: readonly { readonly fraction: number; readonly bound: number }[]
  /** Waves that are tested side by side: each question's α, and so the looks, are that part of the attempt's. Absent: one wave after the other, at all of it. */
  readonly wavesTogether?: number
  /** Absent where no primary decides. */
  readonly claim?: ClaimPlan
  readonly legTimeoutMs: number
  readonly graceMs: number
  /** A shadow leg starts at most this long after the request's arrival, else it is skipped. */
  readonly shadowStartDelayMs: number
  readonly calibrationPairs: number
  /** Median pairs per unit assumed by the one-pair-per-unit choice. */
  readonly pairsPerUnitMedian: number
  readonly unitsMin: number
  readonly stickyKeysMin: number
  readonly joinCompletenessMin: number
  /** Where segments are sampled unequally: the smallest inclusion probability, to which questions about all pairs thin. Null: nothing is thinned. */
  readonly inclusionMin: Readonly<Record<'content_ab' | 'shadow_ab', number>> | null
  readonly exceedance: {
    readonly windowMs: number
    readonly subWindows: number
    readonly alpha: number
    readonly countMin: number
  } | null
  /** Who supplies metrics from outside; absent when nobody does. */
  readonly judges?: readonly PlannedJudge[]
  readonly golden: { readonly digest: string; readonly chunks: number } | null
  /** Rates the cost metric uses, micro-dollars per million tokens, by variant id. */
  readonly prices: Readonly<
    Record<string, { readonly inputMicroUsdPerMillion: number; readonly outputMicroUsdPerMillion: number }>
  >
}
