import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exceedanceLimit } from '../exceedance-limit.ts'
import { benjaminiHochbergAdjusted, holmAdjusted } from '../multiplicity/adjusted-p.ts'
import { eBenjaminiHochberg } from '../multiplicity/e-benjamini-hochberg.ts'
import { excessDisagreement } from '../noise-floor/excess-disagreement.ts'
import { scoreNoise } from '../noise-floor/score-noise.ts'
import { StatsError } from '../stats-error.ts'
import { cumulativeSum } from '../time/cumulative-sum.ts'
import { detectableMargin } from '../time/detectable-effect.ts'
import { stageDuration } from '../time/stage-duration.ts'
import { inverseVariancePool, shrinkSlices } from './empirical-bayes.ts'
import { mantelHaenszelDifference } from './mantel-haenszel.ts'
import { pooledEstimate } from './pooled-estimate.ts'
import { sliceContrast } from './slice-contrast.ts'
import { stratifiedMean } from './stratified-mean.ts'

describe('many tests', () => {
  const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 })

  it('adjusted p-values keep the order, Holm above Benjamini-Hochberg above the raw ones', () => {
    fc.assert(
      fc.property(pValues, (p) => {
        const holm = holmAdjusted(p)
        const bh = benjaminiHochbergAdjusted(p)
        for (const [i, raw] of p.entries()) {
          expect(bh[i]).toBeGreaterThanOrEqual(raw)
          expect(holm[i]).toBeGreaterThanOrEqual((bh[i] ?? 0) * (1 - 1e-12))
          for (const [j, other] of p.entries()) if (raw < other) expect(holm[i]).toBeLessThanOrEqual(holm[j] ?? 1)
        }
      }),
    )
    expect(() => holmAdjusted([Number.NaN])).toThrow(StatsError)
    expect(() => benjaminiHochbergAdjusted([1.1])).toThrow(StatsError)
  })

  it('e-BH of 1/p rejects what Benjamini-Hochberg would, never less at a larger α', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { maxLength: 40 }), (p) => {
        const e = p.map((value) => 1 / value)
        const byE = eBenjaminiHochberg(e, 0.1)
        const byP = benjaminiHochbergAdjusted(p).flatMap((value, index) => (value <= 0.1 ? [index] : []))
        expect(byE).toEqual(byP)
        expect(eBenjaminiHochberg(e, 0.2)).toEqual(expect.arrayContaining([...byE]))
      }),
    )
    expect(eBenjaminiHochberg([Number.POSITIVE_INFINITY, 0], 0.05)).toEqual([0])
    expect(() => eBenjaminiHochberg([-1], 0.05)).toThrow(StatsError)
  })
})

describe('slices', () => {
  it('shrunk effects lie between their own and the mean; equal effects shrink wholly', () => {
    const slice = fc.tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: 0.01, max: 1, noNaN: true }))
    fc.assert(
      fc.property(fc.array(slice, { minLength: 1, maxLength: 20 }), (all) => {
        const effects = all.map(([effect]) => effect)
        const errors = all.map(([, error]) => error)
        const { mean, shrunk, deviations, exceeds } = shrinkSlices({ effects, errors }, 0.1)
        for (const [index, value] of shrunk.entries()) {
          const own = effects[index] ?? 0
          expect(value).toBeGreaterThanOrEqual(Math.min(own, mean) - 1e-12)
          expect(value).toBeLessThanOrEqual(Math.max(own, mean) + 1e-12)
          expect(deviations[index]).toBeLessThanOrEqual(errors[index] ?? 0)
          expect((exceeds?.[index] ?? -1) >= 0 && (exceeds?.[index] ?? 2) <= 1).toBe(true)
        }
      }),
    )
    expect(shrinkSlices({ effects: [0.3, 0.3], errors: [0.1, 0.2] }, null)).toMatchObject({
      tauSquared: 0,
      deviations: [0, 0],
      exceeds: null,
    })
    expect(() => inverseVariancePool({ effects: [], errors: [] })).toThrow(/no slice/)
    expect(() => inverseVariancePool({ effects: [1], errors: [0] })).toThrow(StatsError)
    expect(() => inverseVariancePool({ effects: [1, 2], errors: [1] })).toThrow(/2 effects/)
  })

  it('one stratum is its own Mantel-Haenszel difference, empty ones say nothing', () => {
    const stratum = { candidateEvents: 12, candidateUnits: 100, baselineEvents: 30, baselineUnits: 400 }
    const empty = { candidateEvents: 3, candidateUnits: 50, baselineEvents: 0, baselineUnits: 0 }
    const alone = mantelHaenszelDifference([stratum, empty], 0.05)
    expect(alone.difference).toBeCloseTo(0.045, 12)
    expect(alone.perStratum).toEqual([expect.closeTo(0.045, 12), null])
    expect(mantelHaenszelDifference([empty], 0.05)).toMatchObject({ difference: null, error: null, interval: [-1, 1] })
    expect(() => mantelHaenszelDifference([], 0.05)).toThrow(/no stratum/)
  })

  it('contrast, pooling and strata agree where they must', () => {
    expect(sliceContrast({ sliceEffect: 0.1, sliceError: 0, restEffect: 0.1, restError: 0 })).toMatchObject({
      z: 0,
      p: 1,
    })
    expect(sliceContrast({ sliceEffect: 1, sliceError: 0, restEffect: 0, restError: 0 }).pWorse).toBe(0)
    const same = pooledEstimate({ effects: [0.2, 0.2], errors: [0.1, 0.1] }, 0.05)
    expect(same.p).toBe(1)
    const strata = stratifiedMean({ effects: [0.2, 0.2], errors: [0.1, 0.1], weights: [1, 1], alpha: 0.05 })
    expect(strata.error).toBeCloseTo(same.error, 12)
    expect(() => stratifiedMean({ effects: [1], errors: [1], weights: [0], alpha: 0.05 })).toThrow(
      /no stratum has weight/,
    )
    expect(() => stratifiedMean({ effects: [1], errors: [1, 2], weights: [1], alpha: 0.05 })).toThrow(/2 errors/)
  })
})

describe('noise floor', () => {
  it('refuses more disagreements than traces, and knows nothing of none', () => {
    expect(() => excessDisagreement({ n: 3, both: 2, onlyCandidate: 1, onlyBaseline: 1 }, 0.05)).toThrow(
      /among 3 traces/,
    )
    expect(excessDisagreement({ n: 0, both: 0, onlyCandidate: 0, onlyBaseline: 0 }, 0.05).excess).toBeNull()
    expect(scoreNoise({ candidateDifferences: [2], baselineDifferences: [-1], alpha: 0.05 })).toMatchObject({
      excess: 1,
      error: null,
      interval: null,
    })
    expect(() => scoreNoise({ candidateDifferences: [1, 2], baselineDifferences: [1], alpha: 0.05 })).toThrow(
      StatsError,
    )
  })
})

describe('time and latency', () => {
  const profile = fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 48 })

  it('a stage lasts until exactly its pairs are there, and no shorter for asking more', () => {
    fc.assert(
      fc.property(
        profile,
        fc.nat({ max: 100 }),
        fc.integer({ min: 1, max: 20_000 }),
        (hourlyRequests, startHour, required) => {
          fc.pre(hourlyRequests.some((requests) => requests > 0))
          const of = (requiredPairs: number) =>
            stageDuration({
              hourlyRequests,
              startHour,
              share: 0.3,
              usableFraction: 0.9,
              requiredPairs,
              seasonalPeriodHours: 24,
            })
          const { hours, wholePeriods } = of(required)
          let pairs = 0
          for (let hour = 0; hour < hours; hour += 1)
            pairs +=
              Math.min(1, hours - hour) * (hourlyRequests[(startHour + hour) % hourlyRequests.length] ?? 0) * 0.27
          expect(pairs).toBeCloseTo(required, 5)
          expect(wholePeriods % 24).toBe(0)
          expect(wholePeriods).toBeGreaterThanOrEqual(hours - 1e-6)
          expect(wholePeriods).toBeLessThan(hours + 24)
          expect(of(required + 1).hours).toBeGreaterThan(hours)
        },
      ),
    )
    const silent = { hourlyRequests: [0], startHour: 0, share: 1, usableFraction: 1, seasonalPeriodHours: 24 }
    expect(() => stageDuration({ ...silent, requiredPairs: 1 })).toThrow(/never ends/)
    expect(stageDuration({ ...silent, requiredPairs: 0 }).hours).toBe(0)
  })

  it('the detectable margin shrinks with the root of the pairs', () => {
    const of = (pairs: number) =>
      detectableMargin({ discordance: 0.12, pairs, designEffect: 1, alpha: 0.05, power: 0.8 })
    expect(of(4000)).toBeCloseTo(of(1000) / 2, 12)
    expect(of(0)).toBe(Number.POSITIVE_INFINITY)
  })

  it('CUSUM forgets good hours and remembers bad ones', () => {
    const plan = { target: 0, deviation: 1, allowance: 0.5, threshold: 4 }
    expect(cumulativeSum({ ...plan, values: [-9, -9, 2, 2, 2, 0] })).toMatchObject({
      alarmAt: 4,
      last: 4,
      largest: 4.5,
    })
    expect(cumulativeSum({ ...plan, values: [] })).toEqual({ last: 0, largest: 0, alarmAt: null })
    expect(() => cumulativeSum({ ...plan, values: [Number.NaN] })).toThrow(StatsError)
  })

  it('the exceedance limit is the first count whose tail is small enough', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 1_000_000 }),
        fc.constantFrom(0.001, 0.01, 0.2),
        fc.constantFrom(1e-9, 1e-4, 0.05),
        (n, fraction, alpha) => {
          const { k, tail, tailBefore } = exceedanceLimit({ n, fraction, alpha })
          expect(tail).toBeLessThanOrEqual(alpha)
          expect(tailBefore).toBeGreaterThan(alpha)
          expect(k).toBeGreaterThan(n * fraction * 0.5)
        },
      ),
    )
  })
})
