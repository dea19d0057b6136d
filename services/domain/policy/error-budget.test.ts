import { expect, it } from 'vitest'
import { compilePlan } from '../gate/compile-plan.ts'
import { sampleSpec } from '../gate/sample-evidence.ts'
import { plannedLooks } from '../stats/planned-looks.ts'
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

it('divides α over waves side by side, in every question, its looks and its sample size, and not over a sequence', () => {
  const waves = [{ id: 'a', match: { tenant: 'a' } }, { id: 'b', match: { tenant: 'b' } }, { id: 'rest' }]
  const [sequence, together] = (['sequence', 'together'] as const).map((waveOrder) => {
    const of = sampleSpec({ waves, waveOrder })
    return { spec: of, plan: compilePlan(of) }
  })
  if (sequence === undefined || together === undefined) throw new TypeError('two orders')
  expect(errorBudget(sequence.spec, sequence.plan).falsePromotion).toMatchObject({
    alpha: 0.05,
    each: 0.05,
    waves: 'fixed_sequence',
  })
  const { falsePromotion, falseAlarm } = errorBudget(together.spec, together.plan)
  expect(falsePromotion).toMatchObject({ each: 0.05 / 3, waves: 'bonferroni' })
  expect(falsePromotion.alpha).toBeCloseTo(0.05, 12)
  expect(together.plan.looks).toEqual(plannedLooks({ alpha: 0.05 / 3 }))
  for (const [index, { requiredUnits }] of together.plan.advance.entries())
    expect(requiredUnits).toBeGreaterThan(sequence.plan.advance[index]?.requiredUnits ?? Number.POSITIVE_INFINITY)
  // The chance of a false rollback is the run's, however many waves it has.
  expect(falseAlarm.total).toBeCloseTo(errorBudget(sequence.spec, sequence.plan).falseAlarm.total, 12)
  expect(together.plan.hash).not.toBe(sequence.plan.hash)
})
