import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalQuantile } from '../special-functions/normal.ts'
import { StatsError } from '../stats-error.ts'
import { tangoScore } from '../tango.ts'
import { mcnemarMidP, mcnemarOneSided, mcnemarTest } from './mcnemar.ts'
import { mcnemarPower } from './mcnemar-power.ts'
import { mcnemarSize, nonInferioritySize } from './mcnemar-size.ts'
import { pairedIntervals } from './paired-interval.ts'

const counts = fc.oneof(fc.nat({ max: 30 }), fc.nat({ max: 10_000_000 }))
const discordant = fc.record({ onlyCandidate: counts, onlyBaseline: counts })
const table = fc.record({ both: counts, onlyCandidate: counts, onlyBaseline: counts, neither: counts })

describe('McNemar', () => {
  it('does not care which arm is called which, and mid-p lies below exact', () => {
    fc.assert(
      fc.property(discordant, ({ onlyCandidate, onlyBaseline }) => {
        const test = mcnemarTest({ onlyCandidate, onlyBaseline })
        expect(mcnemarTest({ onlyCandidate: onlyBaseline, onlyBaseline: onlyCandidate })).toEqual(test)
        expect(test.midP).toBeLessThanOrEqual(test.exact)
        expect(test.pChiSquare).toBeLessThanOrEqual(test.pChiSquareCorrected)
      }),
    )
  })

  it('has one-sided mid-p-values of both directions that add up to 1', () => {
    fc.assert(
      fc.property(discordant, ({ onlyCandidate, onlyBaseline }) => {
        fc.pre(onlyCandidate + onlyBaseline > 0)
        const up = mcnemarOneSided({ onlyCandidate, onlyBaseline }).midP
        const down = mcnemarOneSided({ onlyCandidate: onlyBaseline, onlyBaseline: onlyCandidate }).midP
        expect(up + down).toBeCloseTo(1, 10)
      }),
    )
  })

  it('says nothing when nothing is discordant, and refuses counts that are none', () => {
    expect(mcnemarTest({ onlyCandidate: 0, onlyBaseline: 0 })).toMatchObject({ exact: 1, midP: 1, chiSquare: 0 })
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => mcnemarMidP({ onlyCandidate: bad, onlyBaseline: 3 })).toThrow(StatsError)
  })

  it('keeps its level, and has the planned power at Connor’s size with mid-p', () => {
    const design = { onlyCandidateShare: 0.06, onlyBaselineShare: 0.03, alpha: 0.05, power: 0.8, sides: 2 } as const
    const n = Math.ceil(mcnemarSize(design).connor)
    expect(mcnemarPower({ n, ...design }).midP).toBeGreaterThan(0.79)
    const none = mcnemarPower({ n, ...design, onlyCandidateShare: 0.03 })
    expect(none.midP).toBeLessThan(0.0501)
    expect(none.exact).toBeLessThan(none.midP)
    expect(mcnemarPower({ n, ...design, onlyCandidateShare: 0, onlyBaselineShare: 0 })).toEqual({ exact: 0, midP: 0 })
  })

  it('refuses to size what cannot be shown', () => {
    const design = { onlyCandidateShare: 0.03, onlyBaselineShare: 0.03, alpha: 0.05, power: 0.8, sides: 1 } as const
    expect(() => mcnemarSize(design)).toThrow(/no number of pairs/)
    expect(() => nonInferioritySize({ ...design, margin: 0 })).toThrow(/must exceed the true difference/)
    expect(() => nonInferioritySize({ ...design, power: 0.01, margin: 0.1 })).toThrow(StatsError)
    expect(() => mcnemarSize({ ...design, onlyBaselineShare: 0.98 })).toThrow(/discordance rate/)
  })
})

describe('paired intervals', () => {
  it('contain the estimate and turn over with the arms', () => {
    fc.assert(
      fc.property(table, fc.double({ min: 1e-6, max: 0.5, noNaN: true }), (cells, alpha) => {
        const n = cells.both + cells.onlyCandidate + cells.onlyBaseline + cells.neither
        fc.pre(n > 0)
        const { delta, ...intervals } = pairedIntervals(cells, alpha)
        const swapped = { ...cells, onlyCandidate: cells.onlyBaseline, onlyBaseline: cells.onlyCandidate }
        const { delta: _, ...turned } = pairedIntervals(swapped, alpha)
        for (const name of ['newcombe', 'tango'] as const) {
          const [low, high] = intervals[name]
          expect(low).toBeLessThanOrEqual((delta ?? 0) + 1e-12)
          expect(high).toBeGreaterThanOrEqual((delta ?? 0) - 1e-12)
          expect(Math.max(-low, high)).toBeLessThanOrEqual(1 + 1e-12)
          expect(turned[name][0]).toBeCloseTo(-high, 9)
          expect(turned[name][1]).toBeCloseTo(-low, 9)
        }
      }),
    )
  })

  it('Tango’s limits are where his test just rejects', () => {
    fc.assert(
      fc.property(table, fc.constantFrom(0.01, 0.05, 0.2), (cells, alpha) => {
        const n = cells.both + cells.onlyCandidate + cells.onlyBaseline + cells.neither
        fc.pre(n > 1)
        const z = -normalQuantile(alpha / 2)
        const [low, high] = pairedIntervals(cells, alpha).tango
        const at = (difference: number) => tangoScore({ ...cells, n, difference })
        if (low > -1 + 1e-9) expect(at(low)).toBeCloseTo(z, 4)
        if (high < 1 - 1e-9) expect(at(high)).toBeCloseTo(-z, 4)
      }),
    )
  })

  it('say nothing without pairs', () => {
    const nothing = pairedIntervals({ both: 0, onlyCandidate: 0, onlyBaseline: 0, neither: 0 }, 0.05)
    expect(nothing).toMatchObject({ delta: null, tango: [-1, 1], newcombe: [-1, 1] })
  })
})
