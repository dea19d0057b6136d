import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clusteredMean, clusterRobustTest } from '../clustered/clustered-error.ts'
import { designEffect } from '../clustered/design-effect.ts'
import { evaluationSize } from '../clustered/evaluation-size.ts'
import { smallSampleMean } from '../clustered/small-sample-error.ts'
import { varianceParts } from '../clustered/variance-parts.ts'
import { StatsError } from '../stats-error.ts'
import { cohenKappa } from './cohen-kappa.ts'
import { lengthControlledWinRate } from './length-control.ts'
import { predictionPoweredMean } from './prediction-powered.ts'
import { roganGladen } from './rogan-gladen.ts'
import { positionBias, type SwapTable, winRate } from './win-rate.ts'

const none: SwapTable = {
  'candidate/candidate': 0,
  'candidate/baseline': 0,
  'candidate/tie': 0,
  'baseline/candidate': 0,
  'baseline/baseline': 0,
  'baseline/tie': 0,
  'tie/candidate': 0,
  'tie/baseline': 0,
  'tie/tie': 0,
}

describe('win rate', () => {
  it('a judge that always prefers the first answer shows no winner and no consistency', () => {
    const {
      winRate: rate,
      averaged,
      consistency,
      firstShare,
      signTestMidP,
    } = winRate({ ...none, 'candidate/baseline': 300 })
    expect({ rate, averaged, consistency, firstShare, signTestMidP }).toEqual({
      rate: 0.5,
      averaged: 0.5,
      consistency: 0,
      firstShare: 1,
      signTestMidP: 1,
    })
    expect(positionBias({ firstWinsBoth: 300, secondWinsBoth: 0 }).midP).toBeLessThan(1e-80)
  })

  it('has no error when all pairs agree, and no rates without pairs', () => {
    expect(winRate({ ...none, 'candidate/candidate': 9 })).toMatchObject({ winRate: 1, error: 0 })
    expect(winRate(none)).toMatchObject({ winRate: null, error: null, firstShare: null, signTestMidP: 1 })
    expect(() => winRate({ ...none, 'tie/tie': 1.5 })).toThrow(StatsError)
  })
})

describe('agreement and correction of judges', () => {
  const table = fc.array(fc.array(fc.nat({ max: 50 }), { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 })

  it('κ does not care who is who nor how labels are ordered', () => {
    fc.assert(
      fc.property(table, (rows) => {
        const turned = rows.map((_, j) => rows.map((row) => row[j] ?? 0))
        const reordered = [...rows].reverse().map((row) => [...row].reverse())
        const { kappa, error } = cohenKappa(rows, 0.05)
        fc.pre(kappa !== null && error !== null)
        expect(cohenKappa(turned, 0.05).kappa).toBeCloseTo(kappa ?? 0, 10)
        expect(cohenKappa(reordered, 0.05).error).toBeCloseTo(error ?? 0, 10)
        expect(Math.abs(kappa ?? 0)).toBeLessThanOrEqual(1 + 1e-12)
      }),
    )
    expect(
      cohenKappa(
        [
          [0, 0],
          [0, 0],
        ],
        0.05,
      ).kappa,
    ).toBeNull()
    expect(() =>
      cohenKappa(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        0.05,
      ),
    ).toThrow(/square/)
  })

  it('a perfect judge needs no correction, one no better than chance is refused', () => {
    const perfect = { specificity: 1, sensitivity: 1, negatives: 100_000, positives: 100_000, alpha: 0.05 }
    expect(roganGladen({ positiveRate: 0.3, n: 1000, ...perfect }).rate).toBeCloseTo(0.3, 12)
    expect(() => roganGladen({ positiveRate: 0.3, n: 1000, ...perfect, sensitivity: 0.5, specificity: 0.5 })).toThrow(
      /tells nothing/,
    )
    expect(() => roganGladen({ positiveRate: 0.3, n: 10, ...perfect, negatives: 0, positives: 0 })).toThrow(/too few/)
  })

  it('a judge that equals the human lets PPI reach the mean of all traces; λ̂ never does worse than either', () => {
    const human = [0, 1, 1, 0, 1, 1, 0, 0, 1, 0]
    const judgeUnlabelled = Array.from({ length: 1000 }, (_, index) => index % 2)
    const { ppi, tuned, classical } = predictionPoweredMean({
      human,
      judgeLabelled: human,
      judgeUnlabelled,
      alpha: 0.05,
    })
    expect(ppi.error).toBeCloseTo(0.5 / Math.sqrt(1000), 6)
    expect(tuned.error).toBeLessThanOrEqual(Math.min(ppi.error, classical.error) * 1.01)
    expect(() => predictionPoweredMean({ human, judgeLabelled: [1], judgeUnlabelled, alpha: 0.05 })).toThrow(/10 human/)
    expect(() => predictionPoweredMean({ human: [], judgeLabelled: [], judgeUnlabelled, alpha: 0.05 })).toThrow(/empty/)
  })

  it('length control turns over with the arms and refuses wins that length alone decides', () => {
    const wins = [1, 0, 1, 0.5, 1, 1, 0, 0, 1, 0]
    const lengthDifferences = [50, -20, 10, 0, -30, 80, 20, -60, 30, -10]
    const here = lengthControlledWinRate({ wins, lengthDifferences, alpha: 0.05 })
    const there = lengthControlledWinRate({
      wins: wins.map((win) => 1 - win),
      lengthDifferences: lengthDifferences.map((value) => -value),
      alpha: 0.05,
    })
    expect(there.winRate).toBeCloseTo(1 - here.winRate, 9)
    expect(there.slope).toBeCloseTo(here.slope, 9)
    expect(() =>
      lengthControlledWinRate({ wins: [0, 0, 1, 1], lengthDifferences: [-2, -1, 1, 2], alpha: 0.05 }),
    ).toThrow(/length decides every win/)
    expect(() => lengthControlledWinRate({ wins: [1, 1], lengthDifferences: [3, 3], alpha: 0.05 })).toThrow(
      /every pair/,
    )
    expect(() => lengthControlledWinRate({ wins: [1], lengthDifferences: [3], alpha: 0.05 })).toThrow(/at least two/)
  })
})

describe('clustered scores', () => {
  const scores = fc.array(fc.tuple(fc.integer({ min: -4, max: 4 }), fc.integer({ min: 0, max: 5 })), {
    minLength: 2,
    maxLength: 40,
  })

  it('units of one value each give the independent error; order and labels do not matter', () => {
    fc.assert(
      fc.property(scores, (pairs) => {
        const values = pairs.map(([value]) => value)
        const alone = clusteredMean({ values, clusters: values.map((_, index) => index) })
        expect(alone.cr1).toBeCloseTo(alone.independent ?? 0, 12)
        const here = clusteredMean({ values, clusters: pairs.map(([, cluster]) => cluster) })
        const reversed = [...pairs].reverse()
        const there = clusteredMean({
          values: reversed.map(([value]) => value),
          clusters: reversed.map(([, cluster]) => `unit ${cluster}`),
        })
        expect(there.cr0).toBeCloseTo(here.cr0, 10)
        expect(there.units).toBe(here.units)
      }),
    )
  })

  it('fewer than twenty units are no basis for a gate; one unit or no spread gives p = 1', () => {
    const values = Array.from({ length: 40 }, (_, index) => (index % 3) - 0.5)
    const of = (units: number) => clusterRobustTest({ values, clusters: values.map((_, index) => index % units) })
    expect(of(19).gateable).toBe(false)
    expect(of(20).gateable).toBe(true)
    expect(of(1)).toMatchObject({ z: null, p: 1, pWorse: 1 })
    expect(of(30).pWorse).toBeLessThan(0.01)
    expect(() => clusterRobustTest({ values: [], clusters: [] })).toThrow(/no value/)
  })

  it('the small-sample error is the plain one with t of n − 1 for units of one value, and wider than the uncorrected one where one unit rules', () => {
    const values = [0.3, -0.1, 0.8, 0.2, 0.5, 0.9, -0.4, 0.1]
    const alone = smallSampleMean({ values, clusters: values.map((_, index) => index) }, 0.05)
    expect(alone.cr2).toBeCloseTo(
      clusteredMean({ values, clusters: values.map((_, index) => index) }).independent ?? 0,
      12,
    )
    expect(alone.df).toBeCloseTo(values.length - 1, 9)
    const ruled = { values, clusters: [1, 1, 1, 1, 1, 2, 3, 4] }
    expect(smallSampleMean(ruled, 0.05).cr2).toBeGreaterThan(1.1 * clusteredMean(ruled).cr0)
    expect(smallSampleMean(ruled, 0.05).df).toBeLessThan(3)
    expect(smallSampleMean({ values: [1, 1], clusters: [1, 2] }, 0.05)).toMatchObject({ cr2: 0, interval: null, p: 1 })
    expect(() => smallSampleMean({ values, clusters: values.map(() => 1) }, 0.05)).toThrow(/single unit/)
  })

  it('variance parts: answers that never vary leave all to the questions, and never a negative part', () => {
    expect(varianceParts([[1, 1], [0, 0], [1]])).toMatchObject({ within: 0, between: expect.closeTo(1 / 3, 12) })
    expect(
      varianceParts([
        [0, 1],
        [1, 0],
        [0, 1],
      ]),
    ).toMatchObject({ within: 0.5, between: 0 })
    expect(() => varianceParts([[1, 0]])).toThrow(/two questions/)
    expect(() => varianceParts([[1], []])).toThrow(/question 1 has no answer/)
  })

  it('design effect and size follow their formulas at the edges', () => {
    expect(designEffect({ sizes: [1, 1, 1], icc: 0.9 })).toEqual({ designEffect: 1, effective: 3 })
    expect(() => designEffect({ sizes: [50, 50], icc: -1 })).toThrow(/impossible/)
    expect(() => designEffect({ sizes: [], icc: 0 })).toThrow(/no cluster/)
    const size = { omegaSquared: 0.1, varianceA: 0.2, varianceB: 0.2, alpha: 0.05, power: 0.8, difference: 0.03 }
    expect(evaluationSize({ ...size, answersA: 1, answersB: 1 })).toBeGreaterThan(
      evaluationSize({ ...size, answersA: 5, answersB: 5 }),
    )
    expect(() => evaluationSize({ ...size, answersA: 1, answersB: 1, difference: 0 })).toThrow(StatsError)
  })
})
