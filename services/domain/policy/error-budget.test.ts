import { expect, it } from 'vitest'
import { compilePlan } from '../gate/compile-plan.ts'
import { sampleSpec } from '../gate/sample-evidence.ts'
import { errorBudget } from './error-budget.ts'

const spec = sampleSpec({ criticalSlices: [{ key: 'tenant', value: 'big' }] })

it('enumerates every harm test with its α, family by family, and none spends more than it has', () => {
  const plan = compilePlan(spec)
  const { falseAlarm } = errorBudget(spec, plan)
  expect(falseAlarm.families.flatMap(({ tests }) => tests.map(({ id }) => id)).sort()).toEqual(
    plan.harm.map(({ id }) => id).sort(),
  )
  for (const { total, limit, tests } of falseAlarm.families)
    expect(total).toBeCloseTo(tests.length === 0 ? 0 : limit, 12)
  expect(falseAlarm.limit).toBeCloseTo(0.05, 12)
  const greedy = { ...plan, harm: plan.harm.map((test) => ({ ...test, alpha: test.alpha * 1.01 })) }
  expect(() => errorBudget(spec, greedy)).toThrow(/^error: tests spend 0.0101\d*, the budget is 0.01$/)
})

it('divides β over deciding metrics and gates, and halves α for a further attempt', () => {
  const { miss, falsePromotion } = errorBudget(spec, compilePlan(spec, 2))
  expect(miss).toEqual({ total: 0.2, metrics: 3, gates: 4, each: 0.2 / 12 })
  expect(falsePromotion).toMatchObject({ alpha: 0.025, waves: 'fixed_sequence' })
})
