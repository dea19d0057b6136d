import { describe, expect, it } from 'vitest'
import { logTruncatedBetaBinomialE, tunedPrior } from './beta-binomial-e.ts'
import { addBet, emptyBetting, logBettingE } from './betting-e.ts'
import { addEvent, emptyEventShare, logEventShareE, rateRatioEstimate } from './event-share-e.ts'
import { exceedanceBreached } from './exceedance-window.ts'
import { farringtonManning } from './farrington-manning.ts'
import { geometricPosition } from './geometric-position.ts'
import { lookFractions, plannedLooks } from './planned-looks.ts'
import { logBeta } from './special-functions/beta.ts'
import { binomialSfGe } from './special-functions/binomial.ts'
import { logGamma } from './special-functions/gamma.ts'
import { normalCdf, normalQuantile, normalSf } from './special-functions/normal.ts'
import { StatsError } from './stats-error.ts'
import { tangoInterval, tangoScore } from './tango.ts'

/** Relative closeness; the expected digits come from 60-digit arithmetic and published tables. */
function near(got: number, expected: number, relative: number): void {
  expect(Math.abs(got - expected), `${got} is not ${expected}`).toBeLessThanOrEqual(relative * Math.abs(expected))
}

describe('special functions', () => {
  it('reach the reference digits, also far in the tails', () => {
    near(normalQuantile(1e-12), -7.034483825301132, 1e-13)
    near(normalQuantile(1e-300), -37.0470962993612, 1e-12)
    near(normalCdf(-10), 7.619853024160525e-24, 1e-12)
    near(normalSf(1.96), 0.02499789514822043, 1e-12)
    near(logBeta(10, 500_000), -118.42189629339182, 1e-13)
    near(logGamma(0.5), Math.log(Math.sqrt(Math.PI)), 1e-14)
    near(binomialSfGe(60, 90, 0.5), 0.001030132840481538, 1e-11)
  })

  it('answers at the edges and refuses what is no number', () => {
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY)
    expect(normalSf(50)).toBe(0)
    expect(binomialSfGe(0, 10, 0.3)).toBe(1)
    expect(binomialSfGe(11, 10, 0.3)).toBe(0)
    expect(() => normalQuantile(Number.NaN)).toThrow(StatsError)
    expect(() => logBeta(-1, 2)).toThrow(StatsError)
  })
})

describe('paired and unpaired score tests', () => {
  it('give Tango’s statistic and interval of the reference cases', () => {
    near(tangoScore({ onlyCandidate: 55, onlyBaseline: 30, n: 5000, difference: 0.01 }), -2.5368037983804803, 1e-9)
    near(tangoScore({ onlyCandidate: 55, onlyBaseline: 30, n: 5000, difference: 0.007 }), -1.0621862955022932, 1e-9)
    const z = normalQuantile(0.975)
    const { low, high } = tangoInterval({ onlyCandidate: 7, onlyBaseline: 1, n: 21, z })
    near(low, 0.026003032480868535, 1e-7)
    near(high, 0.5172322764213773, 1e-7)
    const none = tangoInterval({ onlyCandidate: 0, onlyBaseline: 0, n: 1000, z })
    near(none.high, 0.003826758485555124, 1e-7)
  })

  it('Farrington-Manning is zero at its own estimate and grows with the distance to the margin', () => {
    const arms = { candidateEvents: 20, candidateUnits: 200, baselineEvents: 10, baselineUnits: 200 }
    expect(farringtonManning({ ...arms, difference: 0.05 }).z).toBeCloseTo(0, 12)
    expect(farringtonManning({ ...arms, difference: 0.1 }).z).toBeLessThan(-1)
    // Without any event the restricted rates are M and 0: z = −M / √(M(1−M)/n).
    const { z } = farringtonManning({
      candidateEvents: 0,
      candidateUnits: 60,
      baselineEvents: 0,
      baselineUnits: 600,
      difference: 0.2,
    })
    near(z, -0.2 / Math.sqrt((0.2 * 0.8) / 60), 1e-9)
    expect(farringtonManning({ ...arms, candidateUnits: 0, candidateEvents: 0, difference: 0.1 }).z).toBe(0)
  })

  it('Farrington-Manning keeps its digits at rates of a few per ten million', () => {
    const rare = { candidateEvents: 3, candidateUnits: 10_000_000, baselineEvents: 2, baselineUnits: 20_000_000 }
    // By bisection of the likelihood's derivative in 60 digits.
    near(farringtonManning({ ...rare, difference: 4e-7 }).z, -0.8720086006436718, 1e-9)
    near(
      farringtonManning({
        candidateEvents: 20,
        candidateUnits: 200,
        baselineEvents: 10,
        baselineUnits: 200,
        difference: 0.1,
      }).z,
      -1.791099182250852,
      1e-12,
    )
  })

  it('refuses impossible counts', () => {
    expect(() => tangoScore({ onlyCandidate: -1, onlyBaseline: 0, n: 1, difference: 0 })).toThrow(StatsError)
    expect(() => tangoScore({ onlyCandidate: Number.NaN, onlyBaseline: 0, n: 1, difference: 0 })).toThrow(StatsError)
  })
})

describe('e-processes', () => {
  it('match the reference values', () => {
    near(logTruncatedBetaBinomialE({ events: 60, others: 30, nullShare: 0.5, a: 5.8, b: 5.8 }), 4.129538265419024, 1e-9)
    near(
      logTruncatedBetaBinomialE({ events: 5200, others: 4900, nullShare: 0.5, a: 30, b: 30 }),
      2.551826308128221,
      1e-7,
    )
    near(tunedPrior({ discordant: 100, alpha: 0.05 }), 5.80028048962817, 1e-12)
    const share = emptyEventShare()
    const add = (times: number, candidate: boolean, q: number) => {
      for (let i = 0; i < times; i += 1) addEvent(share, { candidate, share: q })
    }
    add(3, true, 0.01)
    add(110, false, 0.01)
    add(20, true, 0.1)
    add(95, false, 0.1)
    near(logEventShareE(share), 2.1989237886698487, 1e-9)
    near(rateRatioEstimate(share) ?? 0, (3 * 0.99 + 20 * 0.9) / (110 * 0.01 + 95 * 0.1), 1e-12)
  })

  it('have expectation at most one under every null, by enumeration', () => {
    const n = 12
    for (const pi of [0.2, 0.4, 0.5]) {
      let expectation = 0
      let expectationBet = 0
      for (let path = 0; path < 2 ** n; path += 1) {
        let events = 0
        const bet = emptyBetting()
        for (let bit = 0; bit < n; bit += 1) {
          const x = (path >> bit) & 1
          events += x
          addBet(bet, x, 0.5, 0.05)
        }
        const probability = pi ** events * (1 - pi) ** (n - events)
        expectation +=
          probability * Math.exp(logTruncatedBetaBinomialE({ events, others: n - events, nullShare: 0.5, a: 2, b: 2 }))
        expectationBet += probability * Math.exp(logBettingE(bet))
      }
      expect(expectation).toBeLessThanOrEqual(1 + 1e-9)
      expect(expectationBet).toBeLessThanOrEqual(1 + 1e-9)
    }
  })
})

describe('looks', () => {
  it('spend exactly the planned α and give the published bounds', () => {
    const known = plannedLooks({ alpha: 0.05, fractions: [0.25, 0.5, 0.75, 1] }).map((look) => look.bound)
    for (const [index, bound] of [3.7496, 2.5399, 2.0161, 1.7202].entries()) near(known[index] ?? 0, bound, 3e-5)
    expect(plannedLooks({ alpha: 0.05 }).map((look) => look.fraction)).toEqual(lookFractions)
  })
})

describe('p99 rule and small parts', () => {
  it('needs enough requests, four of five sub-windows and a decisive tail', () => {
    const policy = { alpha: 1e-4, countMin: 300 }
    const windows = (over: readonly number[], n = 100) => over.map((count) => ({ n, over: count }))
    expect(exceedanceBreached(windows([5, 5, 5, 5, 5]), policy)).toBe(true)
    expect(exceedanceBreached(windows([25, 0, 0, 0, 0]), policy)).toBe(false)
    expect(exceedanceBreached(windows([5, 5, 5, 5, 5], 20), policy)).toBe(false)
    expect(exceedanceBreached(windows([1, 1, 1, 1, 1]), policy)).toBe(false)
    expect(exceedanceBreached([], policy)).toBe(false)
  })

  it('choose geometric positions', () => {
    expect(geometricPosition({ uniform: 0.999, mean: 1 })).toBe(1)
    expect(geometricPosition({ uniform: 0, mean: 5 })).toBe(1)
    expect(geometricPosition({ uniform: 0.5, mean: 4 })).toBe(3)
  })
})
