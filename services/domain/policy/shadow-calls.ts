import type { AnalysisPlan } from '../gate/plan.ts'
import type { RolloutSpec } from '../rollout/spec.ts'
import type { PolicyProblem } from './rollout-document.ts'

/**
 * Shadow calls that a run needs up to the first (or last) look of every question: in each stage below full weight what the slowest asks for, because
 * evidence starts from nothing in each (pairs that a policy carries over are not counted on). A planned exchange costs one candidate call and, with the second leg's share, one baseline call more; a comparison of two
 * shadow legs has a pair only where both were planned, and live arms cost nothing.
 */
export function shadowCallsRequired(spec: RolloutSpec, plan: AnalysisPlan, look: 'first' | 'last'): number {
  const { share, secondLegShare } = spec.shadow
  if (share === 0) return 0
  const factor = look === 'first' ? 1 : (plan.looks.at(-1)?.fraction ?? 1) / (plan.looks[0]?.fraction ?? 1)
  const exchangesOf = (kind: 'shadow' | 'canary'): number => {
    const tests = plan.advance.filter(
      (test) => test.stages === kind && test.comparison !== 'live_ab' && test.slice === null,
    )
    const needs = tests.map(({ comparison, requiredUnits }) =>
      comparison === 'content_ab' ? requiredUnits : requiredUnits / secondLegShare,
    )
    return factor * Math.max(0, ...needs)
  }
  const stages = spec.waves.flatMap((wave) => wave.stages.filter((stage) => stage.candidateWeight < 100_000))
  const exchanges = stages.reduce(
    (sum, stage) => sum + exchangesOf(stage.candidateWeight === 0 ? 'shadow' : 'canary'),
    0,
  )
  return Math.ceil(Math.max(exchanges, plan.calibrationPairs / secondLegShare) * (1 + secondLegShare))
}

/** A budget that is spent before the last stage could be reached would hold the run for ever. */
export function budgetProblem(spec: RolloutSpec, plan: AnalysisPlan): PolicyProblem | null {
  const required = shadowCallsRequired(spec, plan, 'first')
  if (required <= spec.shadow.budgetCalls) return null
  return {
    path: ['shadow', 'budget', 'calls'],
    message: `the run needs at least ${required} shadow calls and the budget allows ${spec.shadow.budgetCalls}: shadowing would pause before it can end (up to its last looks it may need ${shadowCallsRequired(spec, plan, 'last')})`,
    fix: `allow ${required} calls or more, raise secondLegShare, or widen the margin of the slowest metric`,
  }
}
