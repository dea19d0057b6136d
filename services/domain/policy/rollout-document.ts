/** The rollout file as its JSON Schema (`schemas/policy/rollout.schema.json`) lets it through: shape checked, defaults not yet filled in. */
export interface RolloutDocument {
  readonly name: string
  readonly route: string
  readonly change: 'prompt' | 'model'
  readonly baseline: VariantDocument
  readonly candidate: VariantDocument
  readonly routers: readonly string[]
  readonly stickyKey?: 'session' | 'tenant' | 'user'
  readonly shadow?: {
    readonly share?: number
    readonly secondLegShare?: number
    readonly startWithin?: string
    readonly counterfactualShare?: number
    readonly segmentShares?: Readonly<Record<string, number>>
    readonly budget?: BudgetDocument & { readonly perMinute?: BudgetDocument; readonly perDay?: BudgetDocument }
  }
  readonly stages?: readonly StageDocument[]
  readonly waves?: readonly {
    readonly id: string
    readonly match?: Readonly<Record<string, string>>
    readonly stages?: readonly StageDocument[]
  }[]
  /** Default `sequence`: one wave after the other, each at all of α. `together`: side by side, each at its share of α. */
  readonly waveOrder?: 'sequence' | 'together'
  /** Canary stages from 10 % on last whole periods of it. Default: `24h` for the default stages of a model, none for others. */
  readonly seasonalPeriod?: string
  readonly bake?: string
  readonly cooldown?: string
  readonly lease?: string
  readonly onLapse?: 'baseline' | 'hold'
  readonly legTimeout?: string
  readonly grace?: string
  readonly calibrationPairs?: number
  readonly metrics?: Readonly<Record<string, MetricDocument>>
  readonly criticalSlices?: readonly { readonly key: string; readonly value: string }[]
  readonly slices?: { readonly search?: boolean; readonly keys?: readonly string[] }
  readonly statistics?: {
    readonly unitsMin?: number
    readonly stickyKeysMin?: number
    readonly pairsPerUnitMedian?: number
    readonly inclusionMin?: number
    readonly joinCompletenessMin?: number
    readonly carryOver?: boolean
    readonly alphaAdvance?: number
    readonly betaTotal?: number
    readonly exceedance?: { readonly window?: string; readonly alpha?: number; readonly countMin?: number }
  }
  /** By source, as on the evidence: `judge:<version>` or `external:<name>`. */
  readonly judges?: Readonly<Record<string, JudgeDocument>>
  readonly golden?: { readonly file: string }
  readonly prices?: Readonly<
    Record<string, { readonly inputUsdPerMillion: number; readonly outputUsdPerMillion: number }>
  >
}

/** What a judge supplies, and how it was calibrated against people. */
export interface JudgeDocument {
  readonly metrics: readonly string[]
  readonly labels: number
  readonly kappa: number
  readonly kappaLower: number
  readonly humanKappa?: number
  readonly consistency: number
  readonly firstShare?: number
  readonly measuredAt: string
  readonly validUntil: string
  readonly within?: string
}

/** What shadow calls may cost, together or in a window. */
export interface BudgetDocument {
  readonly usd?: number
  readonly calls?: number
  readonly tokens?: number
}

export interface VariantDocument {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly promptVersion?: string
  /** Null takes a parameter away that the caller sent. */
  readonly parameters?: Readonly<Record<string, string | number | boolean | null>>
}

export interface StageDocument {
  readonly name?: string
  readonly weight: string
  readonly minDuration?: string
  readonly maxDuration?: string
  readonly approval?: 'automatic' | 'manual'
}

export interface MetricDocument {
  readonly role?: 'guardrail' | 'primary' | 'signal' | 'muted'
  readonly mustHaveData?: boolean
  readonly margin?: { readonly absolute?: number; readonly relative?: number; readonly floor?: number }
  readonly harmRule?: 'harm_and_estimate' | 'beyond_margin'
  readonly onBreach?: 'rollback' | 'review'
  readonly budget?: string
  readonly assumedRate?: number
  readonly largest?: number
  readonly assumedMean?: number
  readonly assumedSpread?: number
  readonly ceiling?: number
}

/** One reason why a rollout file is refused: where, what is wrong, and what to write instead. */
export interface PolicyProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly fix: string
}
