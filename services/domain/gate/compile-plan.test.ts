import { expect, it } from 'vitest'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { specFromDocument } from '../policy/spec-from-document.ts'
import { normalQuantile } from '../stats/special-functions/normal.ts'
import { compilePlan } from './compile-plan.ts'
import { sampleSpec } from './sample-evidence.ts'

function specOf() {
  const result = specFromDocument(
    {
      name: 'test',
      route: 'route',
      change: 'model',
      baseline: { id: 'a', provider: 'p', model: 'a' },
      candidate: { id: 'b', provider: 'p', model: 'b' },
      routers: ['router'],
    },
    null,
  )
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  return result.spec
}

it('each further attempt of the same candidate halves the α of advancing, and asks for more units and higher bounds', () => {
  const [first, second, third] = [1, 2, 3].map((attempt) => compilePlan(specOf(), attempt))
  expect(compilePlan(specOf()).hash).toBe(first?.hash)
  const alphas = [first, second, third].map((plan) => plan?.advance[0]?.alpha ?? 0)
  expect(alphas[1]).toBe((alphas[0] ?? 0) / 2)
  expect(alphas[2]).toBe((alphas[0] ?? 0) / 4)
  expect(second?.advance[0]?.requiredUnits).toBeGreaterThan(first?.advance[0]?.requiredUnits ?? 0)
  expect(second?.looks[3]?.bound).toBeGreaterThan(first?.looks[3]?.bound ?? 0)
})

it('the chance of a miss is divided over deciding metrics and gates, and α is not', () => {
  const spec = specOf()
  const plan = compilePlan(spec)
  const deciding = spec.metrics.filter(({ role, mustHaveData }) => role === 'guardrail' && mustHaveData).length
  const gates = spec.waves[0]?.stages.filter(({ candidateWeight }) => candidateWeight < 100_000).length ?? 0
  const z = normalQuantile(1 - spec.alphaAdvance) + normalQuantile(1 - spec.betaTotal / (deciding * gates))
  expect(deciding * gates).toBeGreaterThan(10)
  for (const { alpha, informationFixed, margin } of plan.advance) {
    expect(alpha).toBe(spec.alphaAdvance)
    if (margin.kind === 'absolute') expect(informationFixed).toBeCloseTo((z / margin.value) ** 2, 6)
  }
})

it('the α of all harm tests adds up to the budget of a false rollback', () => {
  const alpha = compilePlan(specOf()).harm.reduce((sum, test) => sum + test.alpha, 0)
  expect(alpha).toBeLessThanOrEqual(0.05 + 1e-12)
  expect(alpha).toBeGreaterThan(0)
})

it('asks for no fewer units than a relative margin has events: below it no data could pass', () => {
  const metrics = { refusal: { assumedRate: 0.01, margin: { relative: 0.5, floor: 0.05 } } }
  const absolute = { refusal: { assumedRate: 0.01, margin: { absolute: 0.05 } } }
  const unitsOf = (given: RolloutDocument['metrics'] & object) =>
    compilePlan(sampleSpec({ metrics: given, calibrationPairs: 100 }))
      .advance.filter(({ metric }) => metric === 'refusal')
      .map(({ requiredUnits }) => requiredUnits)
  expect(unitsOf(metrics)).toEqual(unitsOf(absolute))
})
