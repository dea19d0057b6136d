import { expect, it } from 'vitest'
import { farringtonManning } from './farrington-manning.ts'
import { plannedLooks } from './planned-looks.ts'
import { binomialSfGe } from './special-functions/binomial.ts'
import { StatsError } from './stats-error.ts'
import { tangoScore } from './tango.ts'
import { wilsonInterval } from './unpaired/proportion-interval.ts'

it('refuses counts that no data can have, instead of answering with a number', () => {
  const arms = { candidateEvents: 20, candidateUnits: 10, baselineEvents: 0, baselineUnits: 10 }
  expect(() => farringtonManning({ ...arms, difference: 0.1 })).toThrow(StatsError)
  expect(() => tangoScore({ onlyCandidate: 20, onlyBaseline: 0, n: 10, difference: 0 })).toThrow(StatsError)
  expect(() => wilsonInterval({ events: 3, n: 2, alpha: 0.4 })).toThrow(StatsError)
  expect(() => binomialSfGe(0, 10, Number.NaN)).toThrow(StatsError)
  expect(() => binomialSfGe(Number.NaN, 10, 0.3)).toThrow(StatsError)
  expect(() => plannedLooks({ alpha: 0.05, fractions: [0.5, 0.4] })).toThrow(StatsError)
})
