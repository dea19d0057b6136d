import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { farringtonManning } from '../farrington-manning.ts'
import { binomialCdf, binomialSfGe } from '../special-functions/binomial.ts'
import { StatsError } from '../stats-error.ts'
import { clusteredRatio } from './clustered-ratio.ts'
import { cuped } from './cuped.ts'
import { mannWhitney } from './mann-whitney.ts'
import { clopperPearson, jeffreysInterval, wilsonInterval } from './proportion-interval.ts'
import { quantileRanks } from './quantile-ranks.ts'
import { rateRatioExact } from './rate-ratio-exact.ts'
import { relativeLift } from './relative-lift.ts'
import { baselineRateAtDifference, type TwoArms } from './restricted-rates.ts'
import { sampleRatioChiSquare, sequentialSampleRatio } from './sample-ratio.ts'
import { twoProportions } from './two-proportions.ts'
import { unpairedSize } from './unpaired-size.ts'

const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 10_000_000 }))
const eventsOf = fc.record({ n: size, share: fc.double({ min: 0, max: 1, noNaN: true }) }).map(({ n, share }) => ({
  n,
  events: Math.round(n * share ** 4),
}))
const arms: fc.Arbitrary<TwoArms> = fc.tuple(eventsOf, eventsOf).map(([candidate, baseline]) => ({
  candidateEvents: candidate.events,
  candidateUnits: candidate.n,
  baselineEvents: baseline.events,
  baselineUnits: baseline.n,
}))

describe('one rate', () => {
  it('lies in its intervals; Clopper and Pearson’s limits have exactly the tails they promise', () => {
    fc.assert(
      fc.property(eventsOf, fc.constantFrom(0.001, 0.05, 0.3), ({ events, n }, alpha) => {
        const [exactLow, exactHigh] = clopperPearson({ events, n, alpha }).interval
        for (const [low, high] of [
          wilsonInterval({ events, n, alpha }),
          jeffreysInterval({ events, n, alpha }),
          [exactLow, exactHigh] as const,
        ]) {
          expect(low).toBeLessThanOrEqual(events / n)
          expect(high).toBeGreaterThanOrEqual(events / n)
        }
        if (events > 0) expect(binomialSfGe(events, n, exactLow) / (alpha / 2)).toBeCloseTo(1, 6)
        // A limit within 1e-9 of 1 cannot be written down closely enough for this.
        if (events < n && exactHigh < 0.99) expect(binomialCdf(events, n, exactHigh) / (alpha / 2)).toBeCloseTo(1, 6)
      }),
    )
  })
})

describe('two rates', () => {
  it('intervals contain the estimates and turn over with the arms', () => {
    fc.assert(
      fc.property(arms, (each) => {
        const turned = {
          candidateEvents: each.baselineEvents,
          candidateUnits: each.baselineUnits,
          baselineEvents: each.candidateEvents,
          baselineUnits: each.candidateUnits,
        }
        const here = twoProportions(each, 0.05)
        const there = twoProportions(turned, 0.05)
        const difference = each.candidateEvents / each.candidateUnits - each.baselineEvents / each.baselineUnits
        for (const name of ['differenceScore', 'differenceNewcombe', 'differenceAgrestiCaffo'] as const) {
          expect(there[name][0]).toBeCloseTo(-here[name][1], 9)
          if (name === 'differenceAgrestiCaffo') continue
          expect(here[name][0]).toBeLessThanOrEqual(difference + 1e-12)
          expect(here[name][1]).toBeGreaterThanOrEqual(difference - 1e-12)
        }
        const [low, high] = here.ratioScore
        if (low > 0 && Number.isFinite(high)) {
          expect(low).toBeLessThanOrEqual((here.ratio ?? 1) * (1 + 1e-9))
          expect(high * there.ratioScore[0]).toBeCloseTo(1, 6)
        }
      }),
    )
  })

  it('the restricted rate is where the likelihood is flat, and the score test turns at its own limits', () => {
    const each = { candidateEvents: 37, candidateUnits: 1200, baselineEvents: 210, baselineUnits: 10_800 }
    const { differenceScore } = twoProportions(each, 0.05)
    expect(farringtonManning({ ...each, difference: differenceScore[0] }).z).toBeCloseTo(1.959963984540054, 7)
    expect(farringtonManning({ ...each, difference: differenceScore[1] }).z).toBeCloseTo(-1.959963984540054, 7)
    fc.assert(
      fc.property(arms, fc.double({ min: -0.9, max: 0.9, noNaN: true }), (sample, difference) => {
        const p0 = baselineRateAtDifference(sample, difference)
        const logLikelihood = (p: number) =>
          times(sample.baselineEvents, p) +
          times(sample.baselineUnits - sample.baselineEvents, 1 - p) +
          times(sample.candidateEvents, p + difference) +
          times(sample.candidateUnits - sample.candidateEvents, 1 - p - difference)
        const best = logLikelihood(p0)
        for (const step of [-1e-3, 1e-3]) {
          const p = p0 + step
          if (p > Math.max(0, -difference) && p < Math.min(1, 1 - difference))
            expect(logLikelihood(p)).toBeLessThanOrEqual(best + 1e-6 * Math.abs(best) + 1e-9)
        }
      }),
    )
  })

  it('empty arms and zero cells have defined answers', () => {
    const nobody = { candidateEvents: 0, candidateUnits: 0, baselineEvents: 1, baselineUnits: 9 }
    expect(twoProportions(nobody, 0.05)).toMatchObject({
      ratio: null,
      differenceScore: [-1, 1],
      ratioScore: [0, Infinity],
    })
    expect(() => twoProportions({ ...nobody, candidateEvents: 2 }, 0.05)).toThrow(StatsError)
    expect(() => rateRatioExact({ ...exposure, candidateExposure: 0 })).toThrow(/without exposure/)
    expect(rateRatioExact(exposure)).toMatchObject({ exact: 1, midP: 1 })
    expect(() =>
      unpairedSize({ candidateRate: 0.1, baselineRate: 0.1, candidateShare: 0.5, alpha: 0.05, power: 0.8 }),
    ).toThrow(/must differ/)
  })
})

const exposure = { candidateEvents: 0, candidateExposure: 10, baselineEvents: 0, baselineExposure: 90, nullRatio: 1 }

function times(count: number, probability: number): number {
  return count === 0 ? 0 : count * Math.log(Math.max(probability, Number.MIN_VALUE))
}

describe('scores of two arms', () => {
  const values = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 2, maxLength: 30 })

  it('Mann-Whitney turns over with the arms and sees only order', () => {
    fc.assert(
      fc.property(values, values, (candidate, baseline) => {
        const here = mannWhitney(candidate, baseline)
        const there = mannWhitney(baseline, candidate)
        expect(here.u + there.u).toBe(candidate.length * baseline.length)
        expect(there.p).toBeCloseTo(here.p, 12)
        expect(there.brunnerMunzel?.p).toBeCloseTo(here.brunnerMunzel?.p ?? Number.NaN, 9)
        const stretched = mannWhitney(
          candidate.map((value) => Math.exp(value)),
          baseline.map((value) => Math.exp(value)),
        )
        expect(stretched).toEqual(here)
      }),
    )
    expect(mannWhitney([1], [2]).brunnerMunzel).toBeNull()
    expect(() => mannWhitney([], [1])).toThrow(/no rank/)
    expect(() => mannWhitney([Number.NaN], [1])).toThrow(StatsError)
  })

  it('CUPED leaves an unrelated covariate alone and removes what a related one explains', () => {
    const covariate = [1, 2, 3, 4, 5, 6]
    const related = cuped({
      candidate: { outcome: covariate.map((x) => 2 * x + 1), covariate },
      baseline: { outcome: covariate.map((x) => 2 * x + 0.5), covariate },
    })
    expect(related.difference).toBeCloseTo(0.5, 12)
    expect(related.error ?? 1).toBeLessThan(1e-9)
    const single = { outcome: [1], covariate: [2] }
    expect(cuped({ candidate: single, baseline: single }).error).toBeNull()
    expect(() => cuped({ candidate: single, baseline: { outcome: [1, 2], covariate: [1] } })).toThrow(/2 outcomes/)
  })

  it('lift and clustered rates refuse what has no ratio, and know no error of one unit', () => {
    const arm = { mean: 1, deviation: 1, n: 10 }
    expect(() => relativeLift({ candidate: arm, baseline: { ...arm, mean: 0 }, alpha: 0.05 })).toThrow(/not defined/)
    expect(() => relativeLift({ candidate: { ...arm, n: 1 }, baseline: arm, alpha: 0.05 })).toThrow(/two units/)
    const flat = { ...arm, deviation: 0 }
    expect(relativeLift({ candidate: flat, baseline: flat, alpha: 0.05 })).toMatchObject({
      p: 1,
      df: null,
      interval: [0, 0],
    })
    const one = { events: [1], requests: [5] }
    expect(clusteredRatio({ candidate: one, baseline: one, alpha: 0.05 })).toMatchObject({
      difference: 0,
      differenceError: null,
      ratioInterval: null,
    })
    expect(() => clusteredRatio({ candidate: { events: [], requests: [] }, baseline: one, alpha: 0.05 })).toThrow(
      /no rate/,
    )
  })
})

describe('traffic split', () => {
  const batches = fc.array(fc.tuple(fc.nat({ max: 5000 }), fc.nat({ max: 5000 }), fc.nat({ max: 2000 })), {
    maxLength: 6,
  })

  it('the Bayes factor depends on the totals alone, not on batches or on the order of the arms', () => {
    fc.assert(
      fc.property(batches, (days) => {
        const sum = (arm: 0 | 1 | 2) => days.reduce((total, day) => total + day[arm], 0)
        const input = { weights: [2, 2, 1], concentration: 10_000 }
        const { logBayesFactor, p } = sequentialSampleRatio({ ...input, batches: days })
        const once = sequentialSampleRatio({ ...input, batches: [[sum(0), sum(1), sum(2)]] })
        const turned = sequentialSampleRatio({
          ...input,
          weights: [1, 2, 2],
          batches: days.map(([a, b, c]) => [c, b, a]),
        })
        expect(logBayesFactor).toBeCloseTo(days.length === 0 ? 0 : once.logBayesFactor, 8)
        expect(turned.logBayesFactor).toBeCloseTo(logBayesFactor, 8)
        for (const [index, value] of p.entries()) expect(value).toBeLessThanOrEqual(p[index - 1] ?? 1)
      }),
    )
  })

  it('refuses splits that are none', () => {
    expect(() => sampleRatioChiSquare({ counts: [1], weights: [1] })).toThrow(/at least two arms/)
    expect(() => sampleRatioChiSquare({ counts: [1, 2, 3], weights: [1, 1] })).toThrow(/3 counts for 2 arms/)
    expect(() => sampleRatioChiSquare({ counts: [1, 2], weights: [1, 0] })).toThrow(StatsError)
    expect(sampleRatioChiSquare({ counts: [0, 0], weights: [1, 3] }).p).toBe(1)
  })
})

it('ranks of a quantile keep at least the promised coverage where both exist', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 100_000 }),
      fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      fc.constantFrom(0.01, 0.05, 0.3),
      (n, quantile, alpha) => {
        const { lower, upper, coverage } = quantileRanks({ n, quantile, alpha })
        expect(lower).toBeLessThan(upper)
        expect(coverage).toBeGreaterThanOrEqual(1 - alpha - 1e-9)
        expect(binomialCdf(lower, n, quantile)).toBeGreaterThan((alpha / 2) * (1 - 1e-9))
      },
    ),
  )
})
