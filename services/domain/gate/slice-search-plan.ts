import type { RolloutSpec } from '../rollout/spec.ts'
import type { HarmTest, PlannedMetric, SliceSearchPlan } from './plan.ts'

/** Share of false findings among all that a search lists (and the chance of any where nothing is worse), over all slices, questions and looks. */
const falseDiscoveryRate = 0.05
/** Mixtures of slices are tuned for a decision after about a hundred discordant pairs: searched as one of a hundred, or declared, with a part of the α. */
export const discordantOfSlices = 100
const tunedForAlpha = falseDiscoveryRate / 100

/**
 * What a search asks in each of its slices: the yes/no guardrails that are compared by pairs. Fast twins are left out: sooner is not more often, and their
 * full metric is asked.
 */
export function sliceSearchPlan(
  spec: RolloutSpec,
  harm: readonly HarmTest[],
  metrics: readonly PlannedMetric[],
): SliceSearchPlan | null {
  if (spec.sliceSearch === null) return null
  const isPairedRate = ({ engine, metric }: HarmTest) =>
    (engine === 'paired_binary' || engine === 'beyond_margin') &&
    metrics.some(({ name, kind }) => name === metric && kind === 'binary')
  const questions = harm
    .filter((test) => test.slice === null && test.burstAbove === null && isPairedRate(test))
    .map(({ metric, comparison, margin }) => ({ metric, comparison, margin }))
  if (questions.length === 0) return null
  return {
    keys: spec.sliceSearch.keys,
    falseDiscoveryRate,
    tunedForDiscordant: discordantOfSlices,
    tunedForAlpha,
    questions,
  }
}
