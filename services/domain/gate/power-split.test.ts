import { expect, it } from 'vitest'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { plannedLooks } from '../stats/planned-looks.ts'
import { crossingProbabilities } from '../stats/sequential/alpha-spending.ts'
import { normalQuantile } from '../stats/special-functions/normal.ts'
import { compilePlan } from './compile-plan.ts'
import { betaOfQuestion, missAtLastLook } from './power-split.ts'
import { onlyDeciding, sampleSpec } from './sample-evidence.ts'

const slices = (n: number) => Array.from({ length: n }, (_, index) => ({ key: 'tenant', value: `t${index}` }))
const one = onlyDeciding({ refusal: { margin: { absolute: 0.02 } } })
const shadowAlone: NonNullable<RolloutDocument['stages']> = [{ weight: '0%' }, { weight: '100%' }]
const shadowAndCanary = [{ weight: '0%' }, { weight: '10%' }, { weight: '100%' }]

/** Sum over every question of every gate of the chance that a harmless candidate does not pass at its last look (Bonferroni). */
function missed(change: Partial<RolloutDocument>): number {
  const spec = sampleSpec(change)
  const { advance, looks } = compilePlan(spec)
  const stages = spec.waves.flatMap((wave) => wave.stages).filter(({ candidateWeight }) => candidateWeight < 100_000)
  const asked = stages.flatMap(({ candidateWeight }) =>
    advance.filter((test) => test.stages === (candidateWeight === 0 ? 'shadow' : 'canary')),
  )
  return asked.length * missAtLastLook(spec.alphaAdvance, betaOfQuestion(spec, looks), looks)
}

it.each([
  ['the default rollout', {}],
  ['one metric at one gate', { metrics: one, stages: shadowAlone }],
  ['one metric at two gates', { metrics: one, stages: shadowAndCanary }],
  ['one metric at four gates', { metrics: one }],
])(
  'a harmless candidate is missed by %s at its total of β at most, with as many slices as a file may declare',
  (_, change) => {
    for (const n of [0, 1, 5, 20]) expect(missed({ ...change, criticalSlices: slices(n) })).toBeLessThanOrEqual(0.2)
  },
)

it('declared slices make no question of the default rollout larger, since four looks miss far less often than β', () => {
  const [none, many] = [0, 20].map((n) => compilePlan(sampleSpec({ criticalSlices: slices(n) })).advance)
  expect(many?.[0]?.requiredUnits).toBe(none?.[0]?.requiredUnits)
  expect(many?.length).toBeGreaterThan(5 * (none?.length ?? 0))
})

it('where too few metrics and gates share β for that, the slices share it too', () => {
  const spec = sampleSpec({ metrics: one, stages: shadowAlone, criticalSlices: slices(20) })
  expect(betaOfQuestion(spec, plannedLooks({ alpha: spec.alphaAdvance }))).toBeCloseTo(0.2 / 21, 12)
  const z = normalQuantile(1 - spec.alphaAdvance) + normalQuantile(1 - 0.2 / 21)
  expect(compilePlan(spec).advance[0]?.informationFixed).toBeCloseTo((z / 0.02) ** 2, 6)
})

it('at the last look a question is missed no less often than at all of them', () => {
  const looks = plannedLooks({ alpha: 0.05 })
  for (const beta of [0.2, 0.05, 0.01]) {
    const fixed = normalQuantile(0.95) + normalQuantile(1 - beta)
    const { above } = crossingProbabilities({
      information: looks.map(({ fraction }) => fraction),
      z: looks.map(({ bound }) => bound),
      drift: fixed * Math.SQRT2,
      sides: 1,
    })
    const missed = 1 - (above.at(-1) ?? 0)
    expect(missAtLastLook(0.05, beta, looks)).toBeGreaterThanOrEqual(missed)
    expect(missAtLastLook(0.05, beta, looks)).toBeLessThan(1.3 * missed)
  }
})
