import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binomialPmf } from '../special-functions/binomial.ts'
import { chiSquareSf } from '../special-functions/chi-square.ts'
import { StatsError } from '../stats-error.ts'
import { resampleBlocks, resampleInBlocks } from './block-resample.ts'
import { exhaustiveClusterRatio, exhaustiveMean } from './exhaustive-bootstrap.ts'
import { quantileDifference } from './quantile-bootstrap.ts'
import { randomBinomial } from './random-binomial.ts'
import { resampledClusterRatio, resampledMean } from './resampled-mean.ts'
import { seededRandom } from './seeded-random.ts'
import { exactNetWin, resampledNetWin } from './win-tie-loss.ts'

const resampling = { resamples: 20_000, seed: 'run 7, latency, look 2', alpha: 0.05 }

describe('random numbers', () => {
  it('replay from their seed and differ between seeds', () => {
    const draws = (seed: string) => Array.from({ length: 20 }, seededRandom(seed).uniform)
    expect(draws('a')).toEqual(draws('a'))
    expect(draws('a')).not.toEqual(draws('b'))
    for (const draw of draws('a')) expect(draw > 0 && draw < 1).toBe(true)
  })

  it('resampling draws what one call after another would draw', () => {
    const values = Float64Array.from({ length: 1000 }, (_, index) => index ** 1.5)
    const [bulk, single] = [seededRandom('bulk'), seededRandom('bulk')]
    for (let round = 0; round < 3; round += 1) {
      const { sum, squares } = bulk.resample(values)
      let expected = 0
      let expectedSquares = 0
      for (let draw = 0; draw < values.length; draw += 1) {
        const value = values[single.below(values.length)] ?? 0
        expected += value
        expectedSquares += value * value
      }
      expect([sum, squares]).toEqual([expected, expectedSquares])
    }
    expect(bulk.uniform()).toBe(single.uniform())
  })

  it.each([8_192, 10_000, 70_001])('resampling %d values in blocks has the moments of drawing them one by one', (n) => {
    const random = seededRandom(`blocks ${n}`)
    const values = Float64Array.from({ length: n }, (_, index) => Math.log((index + 1) / n) + (index % 7))
    const blocks = resampleBlocks(values)
    expect(blocks.reduce((total, block) => total + block.length, 0)).toBe(n)
    const mean = values.reduce((total, value) => total + value, 0) / n
    const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0)
    const rounds = 2_000
    let [sum, squares, ownSquares] = [0, 0, 0]
    for (let round = 0; round < rounds; round += 1) {
      const drawn = resampleInBlocks(random, blocks)
      sum += drawn.sum - n * mean
      squares += (drawn.sum - n * mean) ** 2
      ownSquares += drawn.squares
    }
    // Four Monte-Carlo deviations each.
    expect(Math.abs(sum / rounds)).toBeLessThan(4 * Math.sqrt(variance / rounds))
    expect(Math.abs(squares / rounds / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / rounds))
    expect(ownSquares / rounds / (variance + n * mean * mean)).toBeCloseTo(1, 2)
  })

  it.each([1, 2, 3, 7, 8, 9])('draws from a block of 16 as often as it is asked: %d', (draws) => {
    const ones = new Float64Array(16).fill(1)
    expect(seededRandom('block').drawFrom(ones, draws)).toEqual({ sum: draws, squares: draws })
  })

  it.each([4, 64, 256, 1_024])('draws from a block of %d fall evenly', (n) => {
    const random = seededRandom(`block ${n}`)
    // Each place has its own run, so the counts are independent binomials.
    const counts = Array.from({ length: n }, (_, at) => {
      const block = new Float64Array(n)
      block[at] = 1
      return random.drawFrom(block, 100 * n).sum
    })
    const chiSquare = counts.reduce((total, count) => total + (count - 100) ** 2 / (100 * (1 - 1 / n)), 0)
    expect(chiSquareSf(chiSquare, n)).toBeGreaterThan(1e-4)
  })

  it.each([7, 64, 1000])('fall evenly on %d numbers', (n) => {
    const random = seededRandom(`even ${n}`)
    const counts = new Float64Array(n)
    const draws = 100 * n
    for (let draw = 0; draw < draws; draw += 1) {
      const at = random.below(n)
      counts[at] = (counts[at] ?? 0) + 1
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
    expect(chiSquareSf(chiSquare, n - 1)).toBeGreaterThan(1e-4)
  })

  it.each([
    [12, 0.3],
    [500, 0.004],
    [40, 0.97],
    [60, 0.2],
    [900, 0.5],
    [2_000, 0.98],
    [100_000, 0.01],
  ])('binomial draws of Bin(%d, %d) have its probabilities', (n, p) => {
    const random = seededRandom(`binomial ${n}`)
    const draws = 40_000
    const counts = new Float64Array(n + 1)
    for (let draw = 0; draw < draws; draw += 1) {
      const at = randomBinomial(random, n, p)
      counts[at] = (counts[at] ?? 0) + 1
    }
    let chiSquare = 0
    let cells = 0
    for (const [k, count] of counts.entries()) {
      const expected = draws * binomialPmf(k, n, p)
      if (expected < 5) continue
      chiSquare += (count - expected) ** 2 / expected
      cells += 1
    }
    expect(chiSquareSf(chiSquare, cells)).toBeGreaterThan(1e-4)
    expect([randomBinomial(random, 0, p), randomBinomial(random, 9, 0), randomBinomial(random, 9, 1)]).toEqual([
      0, 0, 9,
    ])
  })
})

describe('bootstrap of a mean', () => {
  const values = [-1, 0, 0.5, 2, 4, 4.5, 7]

  it('resampling approaches complete enumeration', () => {
    const exact = exhaustiveMean(values, 0.05)
    const drawn = resampledMean(values, resampling)
    const near = (got: readonly number[], expected: readonly number[]) => {
      for (const [index, limit] of expected.entries())
        expect(Math.abs((got[index] ?? 0) - limit)).toBeLessThan(0.03 * 8)
    }
    near(drawn.percentile, exact.percentile)
    near(drawn.accelerated, exact.accelerated.interval)
    expect(drawn.error).toBeCloseTo(exact.error, 1)
    expect(resampledMean(values, resampling)).toEqual(drawn)
    expect(resampledMean(values, { ...resampling, seed: 'another' })).not.toEqual(drawn)
  })

  it('has the closed-form error √Σ(d − d̄)²/n, moves with a shift and scales', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 7 }), (d) => {
        const { mean, error, percentile } = exhaustiveMean(d, 0.1)
        const closed = Math.sqrt(d.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / d.length
        expect(error).toBeCloseTo(closed, 9)
        const moved = exhaustiveMean(
          d.map((value) => 3 * value + 5),
          0.1,
        )
        expect(moved.percentile[0]).toBeCloseTo(3 * percentile[0] + 5, 9)
        expect(moved.percentile[1]).toBeCloseTo(3 * percentile[1] + 5, 9)
      }),
    )
  })

  it('answers a point without spread, and refuses nothing, NaN, too few resamples and too many ways', () => {
    expect(exhaustiveMean([2, 2, 2], 0.05)).toMatchObject({ error: 0, percentile: [2, 2], acceleration: 0 })
    expect(resampledMean([2, 2], resampling)).toMatchObject({ error: 0, percentile: [2, 2], studentised: [2, 2] })
    expect(() => exhaustiveMean([], 0.05)).toThrow(/no value/)
    expect(() => resampledMean([1, Number.NaN], resampling)).toThrow(StatsError)
    expect(() => resampledMean([1, 2], { ...resampling, resamples: 100 })).toThrow(/cannot give the 0.025 quantile/)
    expect(() =>
      exhaustiveMean(
        Array.from({ length: 30 }, (_, index) => index),
        0.05,
      ),
    ).toThrow(/too many to enumerate/)
  })
})

describe('bootstrap of units, counts and quantiles', () => {
  it('units: resampling approaches enumeration, and a lone unit has no error', () => {
    const input = { sums: [3, -1, 4, 0, 2, 5], sizes: [10, 2, 8, 5, 1, 4] }
    const exact = exhaustiveClusterRatio({ ...input, alpha: 0.05 })
    const drawn = resampledClusterRatio(input, resampling)
    expect(drawn.error).toBeCloseTo(exact.error, 2)
    expect(drawn.percentile[0]).toBeCloseTo(exact.percentile[0], 1)
    expect(drawn.percentile[1]).toBeCloseTo(exact.percentile[1], 1)
    expect(exhaustiveClusterRatio({ sums: [1], sizes: [2], alpha: 0.05 })).toMatchObject({
      error: 0,
      linearisedError: null,
    })
    expect(() => resampledClusterRatio({ sums: [1, 2], sizes: [1, 0] }, resampling)).toThrow(/cluster size/)
  })

  it('counts: drawing lands on the exact interval, which turns over with wins and losses', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.nat({ max: 60 }), fc.nat({ max: 60 }), (wins, ties, losses) => {
        fc.pre(wins + ties + losses > 0)
        const here = exactNetWin({ wins, ties, losses }, 0.1)
        const there = exactNetWin({ wins: losses, ties, losses: wins }, 0.1)
        // The upper quantile of a lattice is the mirrored lower one, or one step beside it where a probability is hit exactly.
        expect(Math.abs(there.percentile[0] + here.percentile[1])).toBeLessThanOrEqual(
          1 / (wins + ties + losses) + 1e-9,
        )
      }),
    )
    const counts = { wins: 400, ties: 350, losses: 250 }
    const exact = exactNetWin(counts, 0.05)
    const drawn = resampledNetWin(counts, resampling)
    for (const end of [0, 1] as const)
      expect(Math.abs(drawn.percentile[end] - exact.percentile[end])).toBeLessThan(0.004)
    expect(() => exactNetWin({ wins: 0, ties: 0, losses: 0 }, 0.05)).toThrow(/no pair/)
  })

  it('quantiles: finds a shift, and says where the tail is too thin', () => {
    const baseline = Array.from({ length: 2000 }, (_, index) => (index * 37) % 2000)
    const candidate = baseline.map((value) => value + 300)
    const p90 = quantileDifference({ candidate, baseline, quantile: 0.9 }, resampling)
    expect(p90.difference).toBe(300)
    expect(p90.percentile[0]).toBeGreaterThan(200)
    expect(p90.extreme).toBe(false)
    expect(quantileDifference({ candidate, baseline, quantile: 0.999 }, resampling).extreme).toBe(true)
    expect(() => quantileDifference({ candidate: [], baseline, quantile: 0.5 }, resampling)).toThrow(StatsError)
  })
})
