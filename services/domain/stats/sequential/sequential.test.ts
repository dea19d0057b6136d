import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logTruncatedBetaBinomialE } from '../beta-binomial-e.ts'
import { seededRandom } from '../bootstrap/seeded-random.ts'
import { normalQuantile, normalSf } from '../special-functions/normal.ts'
import { StatsError } from '../stats-error.ts'
import { crossingProbabilities, type Spending, spendingBounds } from './alpha-spending.ts'
import { asymptoticSequence } from './asymptotic-sequence.ts'
import { bernoulliSequence } from './bernoulli-sequence.ts'
import { eventShareE, gridMixtureE } from './event-share.ts'
import { hedgedBetting } from './hedged-betting.ts'
import { normalLikelihoodRatio } from './normal-likelihood-ratio.ts'
import { normalMixtureBound } from './normal-mixture.ts'
import { quantileComparison, quantileSequence } from './quantile-sequence.ts'
import { rateRatioSequence } from './rate-ratio-sequence.ts'
import { ratioSequence } from './ratio-sequence.ts'
import { logTwoSidedE, shareSequence } from './two-sided-mixture.ts'

const count = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 5_000_000 }))
const share = fc.double({ min: 0.01, max: 0.99, noNaN: true })
const strength = fc.double({ min: 0.3, max: 50, noNaN: true })

/** The last digit of a log e-value of this size, in a quotient of e-values. */
const rounding = (logE: number) => 1e-9 + 1e-14 * Math.abs(logE)

describe('beta-binomial e-values', () => {
  it('two-sided: a fair game at π₀, whatever was seen before', () => {
    fc.assert(
      fc.property(count, count, share, strength, strength, (events, others, nullShare, a, b) => {
        const at = (x: number, y: number) => logTwoSidedE({ events: x, others: y, nullShare, a, b })
        const now = at(events, others)
        const next =
          nullShare * Math.exp(at(events + 1, others) - now) + (1 - nullShare) * Math.exp(at(events, others + 1) - now)
        expect(Math.abs(next - 1)).toBeLessThan(rounding(now))
      }),
    )
  })

  it('one-sided: never a favourable game below π₀', () => {
    fc.assert(
      fc.property(count, count, share, strength, share, (events, others, nullShare, a, below) => {
        const truth = nullShare * below
        const at = (x: number, y: number) => logTruncatedBetaBinomialE({ events: x, others: y, nullShare, a, b: a })
        const now = at(events, others)
        fc.pre(Number.isFinite(now))
        const next =
          truth * Math.exp(at(events + 1, others) - now) + (1 - truth) * Math.exp(at(events, others + 1) - now)
        expect(next).toBeLessThanOrEqual(1 + rounding(now))
      }),
    )
  })

  it('crosses 1/α ever with probability at most α, by exact enumeration of 400 pairs', () => {
    const alpha = 0.05
    const crosses = (x: number, y: number) =>
      logTruncatedBetaBinomialE({ events: x, others: y, nullShare: 0.5, a: 5.8, b: 5.8 }) >= -Math.log(alpha)
    let alive = new Map([[0, 1]])
    let crossed = 0
    for (let n = 1; n <= 400; n += 1) {
      const next = new Map<number, number>()
      for (const [x, mass] of alive) {
        for (const more of [0, 1]) {
          if (crosses(x + more, n - x - more)) crossed += mass / 2
          else next.set(x + more, (next.get(x + more) ?? 0) + mass / 2)
        }
      }
      alive = next
    }
    expect(crossed).toBeGreaterThan(0.01)
    expect(crossed).toBeLessThanOrEqual(alpha)
  })

  it('the confidence sequence ends where E reaches 1/α and holds the estimate', () => {
    fc.assert(
      fc.property(count, count, strength, strength, fc.constantFrom(0.01, 0.05, 0.5), (events, others, a, b, alpha) => {
        const [low, high] = shareSequence({ events, others, a, b, alpha })
        if (events + others > 0) {
          expect(low).toBeLessThanOrEqual(events / (events + others))
          expect(high).toBeGreaterThanOrEqual(events / (events + others))
        } else expect([low, high]).toEqual([0, 1])
        if (events > 0) expect(logTwoSidedE({ events, others, nullShare: low, a, b })).toBeCloseTo(-Math.log(alpha), 5)
        if (others > 0 && high < 1 - 1e-6)
          expect(logTwoSidedE({ events, others, nullShare: high, a, b })).toBeCloseTo(-Math.log(alpha), 5)
      }),
    )
  })

  it('the rate ratio’s sequence turns over with the arms', () => {
    const one = rateRatioSequence({
      candidateEvents: 30,
      baselineEvents: 90,
      candidateShare: 0.2,
      a: 1,
      b: 1,
      alpha: 0.05,
    })
    const other = rateRatioSequence({
      candidateEvents: 90,
      baselineEvents: 30,
      candidateShare: 0.8,
      a: 1,
      b: 1,
      alpha: 0.05,
    })
    expect(one.ratio[0] * other.ratio[1]).toBeCloseTo(1, 9)
    expect(one.ratio[1] * other.ratio[0]).toBeCloseTo(1, 9)
  })

  it('events count towards the candidate’s share of the traffic; segments multiply', () => {
    const input = { candidateShare: 0.1, nullRatio: 1, strength: 4 }
    expect(eventShareE({ ...input, candidateEvents: 10, baselineEvents: 90 }).logE).toBeLessThan(0.5)
    expect(eventShareE({ ...input, candidateEvents: 30, baselineEvents: 70 }).logE).toBeGreaterThan(5)
    const grid = { nullRatio: 1, step: 0.1, count: 30 }
    const segment = { candidateShare: 0.1, candidateEvents: 6, baselineEvents: 14 }
    const twice = { ...segment, candidateEvents: 12, baselineEvents: 28 }
    expect(gridMixtureE({ ...grid, segments: [segment, segment] })).toBeCloseTo(
      gridMixtureE({ ...grid, segments: [twice] }),
      12,
    )
    expect(gridMixtureE({ ...grid, segments: [] })).toBeCloseTo(0, 12)
    expect(() => gridMixtureE({ ...grid, count: 0, segments: [] })).toThrow(StatsError)
  })
})

describe('group-sequential bounds', () => {
  const spendings: readonly Spending[] = [
    { kind: 'obrien-fleming' },
    { kind: 'pocock' },
    { kind: 'power', exponent: 2.5 },
  ]

  it.each(spendings)('spend α on simulated paths: %j', (spending) => {
    const information = [0.2, 0.45, 0.5, 1]
    const alpha = 0.2
    const paths = 40_000
    for (const sides of [1, 2] as const) {
      const { z, spentPerSide } = spendingBounds({ information, alpha, sides, spending })
      const random = seededRandom(`paths ${spending.kind} ${sides}`)
      const crossed = information.map(() => 0)
      for (let path = 0; path < paths; path += 1) {
        let score = 0
        for (const [look, fraction] of information.entries()) {
          score += Math.sqrt(fraction - (information[look - 1] ?? 0)) * normalQuantile(random.uniform())
          const reached = sides === 1 ? score : Math.abs(score)
          if (reached < (z[look] ?? 0) * Math.sqrt(fraction)) continue
          for (let later = look; later < information.length; later += 1) crossed[later] = (crossed[later] ?? 0) + 1
          break
        }
      }
      for (const [look, spent] of spentPerSide.entries()) {
        const expected = spent * sides
        expect(Math.abs((crossed[look] ?? 0) / paths - expected)).toBeLessThan(4 * Math.sqrt(expected / paths) + 1e-4)
      }
    }
  })

  it('bounds are crossed with exactly the α they spend, and the four planned looks have their planned power', () => {
    for (const sides of [1, 2] as const) {
      const information = [0.1, 0.35, 0.4, 0.9, 1]
      const { z, spentPerSide } = spendingBounds({
        information,
        alpha: 0.05,
        sides,
        spending: { kind: 'obrien-fleming' },
      })
      const { above, below } = crossingProbabilities({ information, z, drift: 0, sides })
      for (const [look, spent] of spentPerSide.entries()) {
        expect(Math.abs((above[look] ?? 0) - spent)).toBeLessThan(1e-10)
        expect(Math.abs((below[look] ?? 0) - (sides === 2 ? spent : 0))).toBeLessThan(1e-10)
      }
    }
    const looks = { information: [1 / 2, 2 / 3, 5 / 6, 1], drift: (1.6449 + 1.834) * Math.SQRT2, sides: 1 } as const
    const { above } = crossingProbabilities({ ...looks, z: [2.54, 2.18, 1.94, 1.76] })
    for (const [look, power] of [0.826, 0.968, 0.995, 0.999].entries()) expect(above[look]).toBeCloseTo(power, 3)
    expect(() => crossingProbabilities({ ...looks, z: [2] })).toThrow(/1 bounds for 4 looks/)
  })

  it('one look is the fixed test; all of α is spent from full information on, in each kind', () => {
    for (const spending of spendings) {
      expect(spendingBounds({ information: [1], alpha: 0.05, sides: 2, spending }).z[0]).toBeCloseTo(
        1.959963984540054,
        9,
      )
      const over = spendingBounds({ information: [0.5, 1.2], alpha: 0.05, sides: 1, spending })
      expect(over.spentPerSide[1]).toBe(0.05)
    }
  })

  it('the first bounds of many looks keep their tail far beyond nine deviations', () => {
    const information = Array.from({ length: 50 }, (_, index) => (index + 1) / 50)
    const { z, spentPerSide } = spendingBounds({
      information,
      alpha: 0.05,
      sides: 1,
      spending: { kind: 'obrien-fleming' },
    })
    expect(z[0]).toBeGreaterThan(13)
    expect(normalSf(z[0] ?? 0) / (spentPerSide[0] ?? 1)).toBeCloseTo(1, 9)
    for (const [look, bound] of z.entries()) expect(bound).toBeLessThan(z[look - 1] ?? Number.POSITIVE_INFINITY)
  })

  it('refuses looks out of order, none, or too many', () => {
    const plan = { alpha: 0.05, sides: 1, spending: { kind: 'pocock' } } as const
    for (const information of [[], [0.5, 0.5], [0, 1], [0.5, Number.NaN], Array.from({ length: 300 }, (_, i) => i + 1)])
      expect(() => spendingBounds({ ...plan, information })).toThrow(StatsError)
  })
})

describe('sequences for means', () => {
  it('grow tighter with data and wider with confidence, two-sided wider than one-sided', () => {
    const at = (n: number, alpha: number) => asymptoticSequence({ n, mean: 0, deviation: 1, alpha, tunedFor: 1000 })
    expect(at(1000, 0.05).margin).toBeCloseTo(3.035 / Math.sqrt(1000), 4)
    expect(at(2000, 0.05).margin).toBeLessThan(at(1000, 0.05).margin)
    expect(at(1000, 0.01).margin).toBeGreaterThan(at(1000, 0.05).margin)
    expect(at(1000, 0.05).oneSided?.margin).toBeLessThan(at(1000, 0.05).margin)
    expect(at(0, 0.05).margin).toBe(Number.POSITIVE_INFINITY)
  })

  it('a ratio of units of equal size is their mean, and not to be shown below 40 units', () => {
    const sums = Array.from({ length: 40 }, (_, index) => index % 5)
    const ratio = ratioSequence({ sums, sizes: sums.map(() => 2), alpha: 0.05, tunedFor: 100 })
    const deviation = Math.sqrt(sums.reduce((sum, value) => sum + (value / 2 - 1) ** 2, 0) / 39)
    const mean = asymptoticSequence({ n: 40, mean: 1, deviation, alpha: 0.05, tunedFor: 100 })
    expect(ratio.margin).toBeCloseTo(mean.margin, 12)
    expect(ratio.usable).toBe(true)
    expect(ratioSequence({ sums: [1, 2], sizes: [1, 1], alpha: 0.05, tunedFor: 100 }).usable).toBe(false)
    expect(() => ratioSequence({ sums: [1], sizes: [1], alpha: 0.05, tunedFor: 100 })).toThrow(/single unit/)
  })

  it('the interval of the normal likelihood ratio ends where Λ = 1/α', () => {
    const input = { unitsPerArm: 500, varianceA: 1, varianceB: 2, mixtureVariance: 0.01, alpha: 0.05 }
    const { halfWidth } = normalLikelihoodRatio({ ...input, difference: 0 })
    expect(normalLikelihoodRatio({ ...input, difference: halfWidth }).logRatio).toBeCloseTo(Math.log(20), 10)
    expect(normalLikelihoodRatio({ ...input, unitsPerArm: 0, difference: 1 })).toEqual({
      logRatio: 0,
      halfWidth: Number.POSITIVE_INFINITY,
    })
  })

  it('the one-sided boundary lies below the two-sided one and both grow with time', () => {
    const at = (v: number, sides: 1 | 2) =>
      normalMixtureBound({ v, alpha: 0.05, tunedFor: 100, tunedAlpha: 0.05, sides }).bound
    for (const v of [1, 100, 10_000]) expect(at(v, 1)).toBeLessThan(at(v, 2))
    expect(at(200, 2)).toBeGreaterThan(at(100, 2))
    expect(() => normalMixtureBound({ v: 1, alpha: 0.05, tunedFor: 1, tunedAlpha: 0.6, sides: 1 })).toThrow(StatsError)
  })

  it('betting gains against a wrong mean only, and its sequence holds the mean', () => {
    const x = Array.from({ length: 400 }, (_, index) => ((7 * index) % 11) / 10)
    const at = (mean: number) => hedgedBetting({ x, mean, alpha: 0.05, theta: 0.5, truncation: 0.5 })
    expect(at(0.2).logPositive).toBeGreaterThan(20)
    expect(at(0.8).logNegative).toBeGreaterThan(20)
    expect(at(0.5).logHedged).toBeLessThan(Math.log(20))
    const [low, high] = at(0.5).interval
    expect(low).toBeLessThan(0.5)
    expect(high).toBeGreaterThan(0.5)
    const mirrored = hedgedBetting({
      x: x.map((value) => 1 - value),
      mean: 0.8,
      alpha: 0.05,
      theta: 0.5,
      truncation: 0.5,
    })
    expect(mirrored.logNegative).toBeCloseTo(at(0.2).logPositive, 9)
    expect(() => hedgedBetting({ x: [1.1], mean: 0.5, alpha: 0.05, theta: 0.5, truncation: 0.5 })).toThrow(/x\[0\]/)
  })
})

describe('sequences for quantiles', () => {
  const tuning = { tunedFor: 1000, tunedAlpha: 0.05 }

  it('a Bernoulli mean’s sequence mirrors successes and failures', () => {
    fc.assert(
      fc.property(fc.nat({ max: 3000 }), fc.nat({ max: 3000 }), (successes, failures) => {
        const trials = successes + failures
        const [low, high] = bernoulliSequence({ successes, trials, alpha: 0.05, ...tuning })
        const [mirroredLow, mirroredHigh] = bernoulliSequence({ successes: failures, trials, alpha: 0.05, ...tuning })
        expect(low).toBeCloseTo(1 - mirroredHigh, 9)
        expect(high).toBeCloseTo(1 - mirroredLow, 9)
        if (trials > 0) expect(low <= successes / trials && successes / trials <= high).toBe(true)
      }),
    )
  })

  it('ranks mirror between p and 1 − p and say when nothing can be excluded', () => {
    const upper = quantileSequence({ t: 5000, quantile: 0.9, alpha: 0.05, ...tuning })
    const lower = quantileSequence({ t: 5000, quantile: 0.1, alpha: 0.05, ...tuning })
    expect(upper.up).toBeCloseTo(lower.down, 9)
    expect(upper.upperRank + lower.lowerRank).toBe(5001)
    expect(quantileSequence({ t: 3, quantile: 0.5, alpha: 0.05, ...tuning })).toMatchObject({
      lowerRank: 0,
      upperRank: 4,
    })
  })

  it('the comparison of two arms does not depend on their names, nor on scale, and sees a shift', () => {
    const a = Array.from({ length: 300 }, (_, index) => index % 60)
    const b = a.map((value) => value + 20)
    const p = quantileComparison({ a, b, quantile: 0.5, ...tuning })
    expect(p).toBeLessThan(0.001)
    expect(quantileComparison({ a: b, b: a, quantile: 0.5, ...tuning })).toBeCloseTo(p, 12)
    const scaled = { a: a.map((value) => 3 * value), b: b.map((value) => 3 * value) }
    expect(quantileComparison({ ...scaled, quantile: 0.5, ...tuning })).toBeCloseTo(p, 12)
    expect(quantileComparison({ a, b: a, quantile: 0.5, ...tuning })).toBe(1)
    expect(() => quantileComparison({ a: [], b, quantile: 0.5, ...tuning })).toThrow(/without any value/)
  })
})
