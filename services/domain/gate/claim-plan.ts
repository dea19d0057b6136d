import type { RolloutSpec } from '../rollout/spec.ts'
import type { AdvanceTest, ClaimPlan } from './plan.ts'

/** One-sided chance that any primary is called better which is not, over the whole run. */
const claimAlpha = 0.025
/**
 * Parts of a primary's level by the look at which it passes; they add up to 1, so that whichever look it is errs no more. Nearly all is the first look's: a
 * candidate that is better passes there.
 */
const lookShares = [0.91, 0.03, 0.03, 0.03]
const fullWeight = 100_000

/**
 * Which questions carry the claim "better": of each primary one, on all traffic, in the last stage before full weight; pairs where there are any, else the
 * live arms. A sequence of waves claims in its last wave alone, waves side by side each at their part of α. Without a primary that decides: none.
 *
 * @param attempt from 1; each further attempt of the same candidate claims at half the level, as it advances
 */
export function withClaims(
  tests: readonly AdvanceTest[],
  spec: RolloutSpec,
  attempt: number,
): { readonly advance: readonly AdvanceTest[]; readonly claim: ClaimPlan | null } {
  const claiming = spec.waveOrder === 'together' ? spec.waves : spec.waves.slice(-1)
  const last = claiming.flatMap(({ id, stages }) => {
    const stage = stages.filter(({ candidateWeight }) => candidateWeight < fullWeight).at(-1)
    return stage === undefined ? [] : [{ wave: id, stage: stage.name, weight: stage.candidateWeight }]
  })
  const kinds = new Set(last.map(({ weight }) => (weight === 0 ? 'shadow' : 'canary')))
  const primaries = spec.metrics.filter(({ role }) => role === 'primary').map(({ name }) => name)
  const carrying = new Set(
    [...kinds].flatMap((kind) =>
      primaries.flatMap((metric) => {
        const test = tests.find((one) => one.metric === metric && one.stages === kind && one.slice === null)
        return test === undefined ? [] : [test.id]
      }),
    ),
  )
  if (carrying.size === 0) return { advance: tests, claim: null }
  return {
    advance: tests.map((test) => (carrying.has(test.id) ? { ...test, claims: true as const } : test)),
    claim: {
      alpha: (claimAlpha * 2 ** (1 - attempt)) / claiming.length,
      lookShares,
      lastStages: last.map(({ wave, stage }) => ({ wave, stage })),
    },
  }
}
