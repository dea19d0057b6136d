import type { AnalysisPlan } from '../gate/plan.ts'
import type { RolloutSpec } from '../rollout/spec.ts'
import { type ErrorBudget, errorBudget } from './error-budget.ts'
import { shadowCallsRequired } from './shadow-calls.ts'

/** What a plan asks for, as `apply` prints it. */
export interface PlanSummary {
  readonly hash: string
  readonly stages: readonly {
    readonly wave: string
    readonly stage: string
    readonly candidateWeight: number
    readonly minDurationMs: number
    readonly wholePeriodMs: number | null
    readonly maxDurationMs: number
    readonly approval: 'automatic' | 'manual'
    /** Units that the slowest test needs for its first look. */
    readonly pairsRequired: number
    readonly decidedBy: string | null
  }[]
  readonly errorBudget: number
  readonly budget: ErrorBudget
  readonly shadowCostMicroUsdMax: number
  /** Shadow calls before the slowest first look of every stage; a stage that lasts longer makes more. */
  readonly shadowCallsRequired: number
  /** The same up to the last of each stage's looks: what the run may need when no question passes sooner. */
  readonly shadowCallsAllLooks: number
  readonly shadowCallsMax: number
  readonly deviations: readonly string[]
}

export function planSummary(spec: RolloutSpec, plan: AnalysisPlan): PlanSummary {
  const stages = spec.waves.flatMap((wave) =>
    wave.stages.map((stage) => {
      const kind = stage.candidateWeight === 0 ? 'shadow' : 'canary'
      const tests = stage.candidateWeight >= 100_000 ? [] : plan.advance.filter((test) => test.stages === kind)
      const slowest = tests.reduce<(typeof tests)[number] | null>(
        (worst, test) => (worst === null || test.requiredUnits > worst.requiredUnits ? test : worst),
        null,
      )
      return {
        wave: wave.id,
        stage: stage.name,
        candidateWeight: stage.candidateWeight,
        minDurationMs: stage.minDurationMs,
        wholePeriodMs: stage.wholePeriodMs ?? null,
        maxDurationMs: stage.maxDurationMs,
        approval: stage.approval,
        pairsRequired: slowest?.requiredUnits ?? 0,
        decidedBy: slowest === null ? null : `${slowest.metric} on ${slowest.comparison}`,
      }
    }),
  )
  return {
    hash: plan.hash,
    stages,
    budget: errorBudget(spec, plan),
    errorBudget: plan.harm.reduce((sum, test) => sum + test.alpha, 0),
    shadowCostMicroUsdMax: spec.shadow.budgetMicroUsd,
    shadowCallsRequired: shadowCallsRequired(spec, plan, 'first'),
    shadowCallsAllLooks: shadowCallsRequired(spec, plan, 'last'),
    shadowCallsMax: spec.shadow.budgetCalls,
    deviations: spec.deviations,
  }
}
