import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { logRegularizedBeta } from './beta.ts'
import { betaQuantile } from './beta-quantile.ts'
import { binomialPmf, binomialSfGe, logBinomialCdf, logBinomialSfGe } from './binomial.ts'
import { chiSquareSf } from './chi-square.ts'
import { logGamma } from './gamma.ts'
import { gridErrors, type SpecialFunctionGrid } from './grid-errors.ts'
import { logNormalSf, normalCdf, normalQuantile, normalSf } from './normal.ts'
import { studentTCdf, studentTQuantile, studentTTwoSided } from './student-t.ts'

const grid: SpecialFunctionGrid = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/special-functions-grid.json', import.meta.url), 'utf8'),
)

/** Worst error that each may have over the grid (see its note: 60 digits, tails to 1e-300 and beyond, n to 1e7): about three times what was measured. */
const bounds: Readonly<Record<string, number>> = {
  logBinomial: 3e-12,
  logBetaCdf: 1.5e-11,
  logNormalSf: 3e-13,
  logChiSquareSf: 1e-12,
  betaQuantile: 1.5e-11,
  logBeta: 2e-14,
  logGamma: 5e-14,
  normalQuantile: 2e-15,
  studentTCdf: 3e-13,
  studentTQuantile: 5e-13,
}

describe('special functions against arbitrary precision', () => {
  const errors = gridErrors(grid)

  it('measures every function of the grid', () => {
    expect(errors.map(({ name }) => name).sort()).toEqual(Object.keys(grid.functions).sort())
    expect(errors.map(({ name }) => name).sort()).toEqual(Object.keys(bounds).sort())
  })

  it.each(errors)('$name', ({ name, points, worst }) => {
    expect(points).toBeGreaterThan(40)
    expect(worst).toBeLessThan(bounds[name] ?? 0)
  })

  it('answers at the edges of the domain', () => {
    expect(logBinomialSfGe(0, 0, 0.3)).toBe(0)
    expect(logBinomialSfGe(1, 0, 0.3)).toBe(Number.NEGATIVE_INFINITY)
    expect(logBinomialCdf(-1, 5, 0.3)).toBe(Number.NEGATIVE_INFINITY)
    expect([binomialSfGe(3, 5, 0), binomialSfGe(3, 5, 1), logBinomialCdf(3, 5, 1)]).toEqual([
      0,
      1,
      Number.NEGATIVE_INFINITY,
    ])
    expect([binomialPmf(0, 5, 0), binomialPmf(5, 5, 1), binomialPmf(6, 5, 0.5)]).toEqual([1, 1, 0])
    expect([betaQuantile(0, 2, 3), betaQuantile(1, 2, 3)]).toEqual([0, 1])
    expect([normalQuantile(0), normalQuantile(1)]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
    expect([normalSf(-50), normalCdf(-50), logNormalSf(-50)]).toEqual([1, 0, -0])
    expect([chiSquareSf(-1, 2), chiSquareSf(0, 2), chiSquareSf(Number.POSITIVE_INFINITY, 2)]).toEqual([1, 1, 0])
    expect([studentTQuantile(0.5, 3), studentTQuantile(0, 3)]).toEqual([0, Number.NEGATIVE_INFINITY])
    expect([studentTTwoSided(0, 4), studentTCdf(Number.NEGATIVE_INFINITY, 4)]).toEqual([1, 0])
  })

  it.each([
    ['logGamma', () => logGamma(0)],
    ['beta', () => logRegularizedBeta(Number.NaN, 0.5, 1, 1)],
    ['quantile', () => betaQuantile(1.1, 1, 1)],
    ['degrees of freedom', () => studentTCdf(1, 0)],
    ['t', () => studentTCdf(Number.NaN, 3)],
    ['χ²', () => chiSquareSf(Number.NaN, 3)],
    ['whole k', () => binomialPmf(1.5, 3, 0.5)],
  ])('refuses what lies outside: %s', (_, call) => {
    expect(call).toThrow()
  })
})
