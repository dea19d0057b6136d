import type { AnalysisPlan, HarmTest } from '../gate/plan.ts'
import { gateCount } from '../gate/power-split.ts'
import { type PlanProblem, planProblems } from './plan-problems.ts'
import type { PlanInput } from './planned-questions.ts'
import { type LookChoice, type PlannedStage, plannedStage } from './planned-stage.ts'
import { type RevertBound, revertBound } from './revert-bound.ts'
import { type ShadowBill, shadowTotal } from './shadow-bill.ts'

/** How long a rollout takes, what it costs and what it may get wrong; times in ms since the epoch, durations in hours unless named ms. */
export interface RolloutPlan {
  readonly planHash: string
  readonly startMs: number
  readonly stages: readonly PlannedStage[]
  /** End of the bake: when a harmless candidate is completed, if stages end at their planned look; all at the first look; all at the last. */
  readonly endsAtMs: number
  readonly earliestEndMs: number
  readonly latestEndMs: number
  readonly shadow: ShadowBill
  readonly shadowBudget: { readonly calls: number; readonly microUsd: number }
  readonly falseRollback: {
    /** Budget over the whole run: the sum of α over tests that may roll back by themselves. */
    readonly chance: number
    /** The same for tests that stop for a person. */
    readonly reviewChance: number
    readonly byFamily: Readonly<Partial<Record<HarmTest['family'], number>>>
  }
  /** Chance that a harmless candidate is not through by the first, …, last look of every stage, at most (sum over questions); and the plan's own target. */
  readonly missing: { readonly byLook: readonly number[]; readonly planned: number; readonly target: number }
  readonly revert: RevertBound
  /** Empty: the plan can be kept. */
  readonly problems: readonly PlanProblem[]
}

/**
 * Plans every stage: one begins when the one before has its looks and its minimum time, and the first of a wave when the wave before has ended, or with the
 * run where waves go side by side.
 */
export function planRollout(input: PlanInput): RolloutPlan {
  const { spec, plan, startMs } = input
  const stages = chain(input, 'planned')
  const endOf = (chained: readonly PlannedStage[]) =>
    Math.max(startMs, ...chained.map(({ endsAtMs }) => endsAtMs)) + spec.bakeMs
  const shadow = shadowTotal(stages.map((stage) => stage.shadow))
  return {
    planHash: plan.hash,
    startMs,
    stages,
    endsAtMs: endOf(stages),
    earliestEndMs: endOf(chain(input, 'first')),
    latestEndMs: endOf(chain(input, 'last')),
    shadow,
    shadowBudget: { calls: spec.shadow.budgetCalls, microUsd: spec.shadow.budgetMicroUsd },
    falseRollback: falseRollback(plan),
    missing: {
      byLook: plan.looks.map((_, index) => capped(stages.map((stage) => stage.missByLook[index] ?? 0))),
      planned: capped(stages.map((stage) => (stage.look === null ? 0 : (stage.missByLook[stage.look - 1] ?? 0)))),
      target: spec.betaTotal,
    },
    revert: revertBound(spec, plan),
    problems: planProblems(input, stages),
  }
}

function chain(input: PlanInput, choice: LookChoice): readonly PlannedStage[] {
  const { spec } = input
  const missMax = spec.betaTotal / Math.max(1, gateCount(spec))
  const stages: PlannedStage[] = []
  for (const wave of spec.waves)
    for (const [index, stage] of wave.stages.entries()) {
      const begins = spec.waveOrder === 'together' ? index === 0 : stages.length === 0
      const startMs = (begins ? undefined : stages.at(-1)?.endsAtMs) ?? input.startMs
      stages.push(plannedStage({ ...input, wave, stage, startMs }, { calibrates: begins, missMax, choice }))
    }
  return stages
}

function falseRollback(plan: AnalysisPlan): RolloutPlan['falseRollback'] {
  const byFamily: Partial<Record<HarmTest['family'], number>> = {}
  for (const { family, alpha } of plan.harm) byFamily[family] = (byFamily[family] ?? 0) + alpha
  const sumOf = (onBreach: HarmTest['onBreach']) =>
    plan.harm.reduce((sum, test) => sum + (test.onBreach === onBreach ? test.alpha : 0), 0)
  return { chance: sumOf('rollback'), reviewChance: sumOf('review'), byFamily }
}

function capped(chances: readonly number[]): number {
  return Math.min(
    1,
    chances.reduce((sum, chance) => sum + chance, 0),
  )
}
