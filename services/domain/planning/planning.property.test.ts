import fc from 'fast-check'
import { describe, it } from 'vitest'
import { compilePlan } from '../gate/compile-plan.ts'
import { specFromDocument } from '../policy/spec-from-document.ts'
import type { RolloutSpec } from '../rollout/spec.ts'
import { planRollout, type RolloutPlan } from './rollout-plan.ts'
import { hoursUntil, scaledTraffic, type TrafficProfile } from './traffic-profile.ts'

const mondayMs = Date.UTC(2026, 2, 2)
const hourlyCounts = fc
  .array(fc.integer({ min: 0, max: 50_000 }), { minLength: 24, maxLength: 24 })
  .filter((counts) => counts.some((count) => count > 0))
const startMs = fc.integer({ min: 0, max: 604_800 }).map((seconds) => mondayMs + seconds * 1_000)

function trafficOf(hourlyRequests: readonly number[]): TrafficProfile {
  return { hourlyRequests, hourlyUnits: null, hourlyGolden: null, segments: {}, tokensPerRequest: null }
}

function specWith(margin: number): RolloutSpec {
  const absolute = { margin: { absolute: margin } }
  const result = specFromDocument(
    {
      name: 'any',
      route: 'any',
      change: 'prompt',
      baseline: { id: 'a', provider: 'p', model: 'm1' },
      candidate: { id: 'b', provider: 'p', model: 'm2' },
      routers: ['gateway'],
      metrics: { error: absolute, refusal: absolute, latency_over_budget: absolute },
    },
    null,
  )
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  return result.spec
}

/** Hours of every look of the first stage, which begins at the same moment in both plans; never = ∞. */
function firstStage({ stages }: RolloutPlan): readonly number[] {
  return (stages[0]?.questions ?? []).flatMap(({ looks }) =>
    looks.map(({ hours }) => hours ?? Number.POSITIVE_INFINITY),
  )
}

function isNoLater(faster: RolloutPlan, slower: RolloutPlan): boolean {
  const reference = firstStage(slower)
  const stages = firstStage(faster).every((hours, index) => hours <= (reference[index] ?? 0) + 1e-6)
  return stages && faster.endsAtMs <= slower.endsAtMs + 1
}

describe('planning', () => {
  it('more traffic never takes longer', () => {
    const spec = specWith(0.01)
    const plan = compilePlan(spec)
    fc.assert(
      fc.property(hourlyCounts, startMs, fc.double({ min: 1, max: 20, noNaN: true }), (counts, start, factor) => {
        const traffic = trafficOf(counts)
        const planned = (profile: TrafficProfile) => planRollout({ spec, plan, traffic: profile, startMs: start })
        return isNoLater(planned(scaledTraffic(traffic, factor)), planned(traffic))
      }),
      { numRuns: 30 },
    )
  })

  it('a wider margin never takes longer', () => {
    const specs = [0.01, 0.02, 0.03, 0.05, 0.1].map(specWith).map((spec) => ({ spec, plan: compilePlan(spec) }))
    fc.assert(
      fc.property(hourlyCounts, startMs, (counts, start) => {
        const plans = specs.map((compiled) => planRollout({ ...compiled, traffic: trafficOf(counts), startMs: start }))
        return plans.slice(1).every((wider, index) => {
          const narrower = plans[index]
          return narrower !== undefined && isNoLater(wider, narrower)
        })
      }),
      { numRuns: 20 },
    )
  })

  it('waiting for more takes no less time, wherever it begins', () => {
    fc.assert(
      fc.property(hourlyCounts, startMs, fc.nat(1_000_000), fc.nat(100_000), (counts, start, required, more) => {
        const hours = (units: number) => hoursUntil(counts, start, units) ?? Number.POSITIVE_INFINITY
        return hours(required) <= hours(required + more) + 1e-6
      }),
    )
  })
})
