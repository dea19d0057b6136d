import type { AmountPolicy, MetricPolicy } from '../rollout/spec.ts'

/** Defaults that a rollout file may override field by field. Durations in ms, weights in parts of 100000. */
export const fullWeight = 100_000

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

export interface DefaultStage {
  readonly name: string
  readonly candidateWeight: number
  readonly minDurationMs: number
}

/** A prompt edit is judged in hours; a model swap stays a whole day at 10 % and 50 %, so that every hour of the day is seen. */
export const defaultStages: Readonly<Record<'prompt' | 'model', readonly DefaultStage[]>> = {
  prompt: [
    { name: 'shadow', candidateWeight: 0, minDurationMs: 15 * minuteMs },
    { name: 'canary-1', candidateWeight: 1_000, minDurationMs: 30 * minuteMs },
    { name: 'canary-10', candidateWeight: 10_000, minDurationMs: hourMs },
    { name: 'canary-50', candidateWeight: 50_000, minDurationMs: hourMs },
    { name: 'full', candidateWeight: fullWeight, minDurationMs: 0 },
  ],
  model: [
    { name: 'shadow', candidateWeight: 0, minDurationMs: hourMs },
    { name: 'canary-1', candidateWeight: 1_000, minDurationMs: hourMs },
    { name: 'canary-10', candidateWeight: 10_000, minDurationMs: dayMs },
    { name: 'canary-50', candidateWeight: 50_000, minDurationMs: dayMs },
    { name: 'full', candidateWeight: fullWeight, minDurationMs: 0 },
  ],
}

/** Whole days of the larger canaries of a model, whose answers may differ by the hour; a prompt is judged in hours. Null: no whole periods. */
export const defaultSeasonalPeriodMs: Readonly<Record<'prompt' | 'model', number | null>> = {
  prompt: null,
  model: dayMs,
}
export const defaultMaxStageMs = 14 * dayMs
export const defaultBakeMs: Readonly<Record<'prompt' | 'model', number>> = { prompt: hourMs, model: dayMs }
export const defaultCooldownMs = hourMs
export const defaultLeaseMs = 20_000
export const defaultLegTimeoutMs = 60_000
export const defaultGraceMs = 1_000
export const defaultStartWithinMs = 15_000
export const defaultCalibrationPairs = 1_000
export const defaultUnitsMin = 40
export const defaultStickyKeysMin = 200
export const defaultJoinCompletenessMin = 0.98
export const defaultAlphaAdvance = 0.05
export const defaultBetaTotal = 0.2
export const defaultExceedance = { windowMs: 5 * minuteMs, subWindows: 5, alpha: 1e-4, countMin: 300 }
export const defaultShadow = { share: 1, secondLegShare: 0.1, budgetUsd: 100, budgetCalls: 100_000 }

const guardrail = {
  role: 'guardrail',
  mustHaveData: true,
  harmRule: 'harm_and_estimate',
  onBreach: 'rollback',
  budgetMs: null,
  assumedRate: 0.02,
  amount: null,
  ceiling: null,
} as const

const signal = { ...guardrail, role: 'signal', mustHaveData: false } as const

/** An amount whose largest value only the user can know (or, of times, the leg's timeout); answers to the same request differ about as much as their mean. */
function typically(mean: number): AmountPolicy {
  return { largest: null, assumedMean: mean, assumedSpread: mean }
}

/** Every metric that a rollout watches unless its file says otherwise. `golden_wrong` becomes a guardrail when a golden set is given. */
export const defaultMetrics: readonly MetricPolicy[] = [
  { ...guardrail, name: 'error', margin: { kind: 'absolute', value: 0.01 }, ceiling: 0.05 },
  { ...guardrail, name: 'fast_error', mustHaveData: false, margin: { kind: 'absolute', value: 0.01 } },
  { ...guardrail, name: 'refusal', margin: { kind: 'absolute', value: 0.01 }, assumedRate: 0.04 },
  {
    ...guardrail,
    name: 'fast_refusal',
    mustHaveData: false,
    margin: { kind: 'absolute', value: 0.01 },
    assumedRate: 0.04,
  },
  {
    ...guardrail,
    name: 'latency_over_budget',
    margin: { kind: 'absolute', value: 0.01 },
    budgetMs: 30_000,
    assumedRate: 0.01,
  },
  {
    ...guardrail,
    name: 'ttft_over_budget',
    mustHaveData: false,
    margin: { kind: 'absolute', value: 0.01 },
    budgetMs: 5_000,
    assumedRate: 0.01,
  },
  { ...guardrail, name: 'abandoned', mustHaveData: false, margin: { kind: 'absolute', value: 0.01 } },
  {
    ...signal,
    name: 'golden_wrong',
    harmRule: 'beyond_margin',
    margin: { kind: 'absolute', value: 0.02 },
    assumedRate: 0.12,
  },
  {
    ...signal,
    name: 'judge_loss',
    harmRule: 'beyond_margin',
    margin: { kind: 'absolute', value: 0.05 },
    assumedRate: 0.3,
  },
  {
    ...signal,
    name: 'judge_score',
    harmRule: 'beyond_margin',
    margin: { kind: 'absolute', value: 0.05 },
    amount: { largest: 1, assumedMean: 0.7, assumedSpread: 0.4 },
  },
  { ...signal, name: 'latency_ms', margin: { kind: 'relative', factor: 0.2, floor: 1 }, amount: typically(2_000) },
  { ...signal, name: 'ttft_ms', margin: { kind: 'relative', factor: 0.2, floor: 1 }, amount: typically(500) },
  { ...signal, name: 'cost_micro_usd', margin: { kind: 'relative', factor: 0.2, floor: 1 }, amount: typically(1_000) },
  { ...signal, name: 'output_tokens', margin: { kind: 'relative', factor: 0.2, floor: 1 }, amount: typically(300) },
  { ...signal, name: 'input_tokens', margin: { kind: 'relative', factor: 0.2, floor: 1 }, amount: typically(500) },
  { ...signal, name: 'length_chars', margin: { kind: 'relative', factor: 0.2, floor: 1 }, amount: typically(1_200) },
  { ...signal, name: 'differs_exact', margin: { kind: 'absolute', value: 0.05 }, assumedRate: 0.5 },
  { ...signal, name: 'differs_normalised', margin: { kind: 'absolute', value: 0.05 }, assumedRate: 0.5 },
  // Shown to who asks for it: without a margin of one's own it says how far answers are apart, not whether that is bad.
  {
    ...signal,
    name: 'dissimilarity',
    role: 'muted',
    margin: { kind: 'absolute', value: 0.1 },
    amount: { largest: 1, assumedMean: 0.3, assumedSpread: 0.3 },
  },
]
