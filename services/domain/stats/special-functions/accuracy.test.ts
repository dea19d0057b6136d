import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { logBeta, logRegularizedBeta } from './beta.ts'
import { betaQuantile } from './beta-quantile.ts'
import { binomialPmf, binomialSfGe, logBinomialCdf, logBinomialSfGe } from './binomial.ts'
import { chiSquareSf } from './chi-square.ts'
import { logGamma, logUpperGamma } from './gamma.ts'
import { logNormalSf, normalCdf, normalQuantile, normalSf } from './normal.ts'
import { studentTCdf, studentTQuantile, studentTTwoSided } from './student-t.ts'

interface Grid {
  readonly functions: Readonly<Record<string, { readonly rows: readonly (readonly number[])[] }>>
}

const grid: Grid = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/special-functions-grid.json', import.meta.url), 'utf8'),
)

type Evaluate = (...row: number[]) => readonly [got: number, expected: number][]

/** Relative error; the absolute one where a logarithm's size exceeds 1, which is the relative error of the probability itself. */
const relative = (got: number, expected: number) => (got === expected ? 0 : Math.abs(got / expected - 1))
const ofLogarithm = (got: number, expected: number) =>
  got === expected ? 0 : Math.abs(got - expected) / Math.min(1, Math.abs(expected))
/** Below the smallest double only the logarithm's own relative error means anything. */
const far = 745

function worst(name: string, evaluate: Evaluate, error = relative): number {
  const rows = grid.functions[name]?.rows ?? []
  expect(rows.length).toBeGreaterThan(40)
  let largest = 0
  for (const row of rows) {
    for (const [got, expected] of evaluate(...row)) {
      const size = error === ofLogarithm && Math.abs(expected) > far ? relative(got, expected) : error(got, expected)
      expect(size, `${name}(${row.join(', ')}) = ${got}, not ${expected}`).not.toBeNaN()
      largest = Math.max(largest, size)
    }
  }
  return largest
}

/** Worst relative error over the grid (see its note: 60 digits, tails to 1e-300 and beyond, n to 1e7). Bounds are about three times what was measured. */
describe('special functions against arbitrary precision', () => {
  it.each([
    [
      'logBinomial',
      3e-12,
      (k: number, n: number, p: number, lower: number, upper: number) => [
        [logBinomialCdf(k, n, p), lower],
        [logBinomialSfGe(k, n, p), upper],
      ],
    ],
    [
      'logBetaCdf',
      1.5e-11,
      (x: number, a: number, b: number, log: number) => [[logRegularizedBeta(x, 1 - x, a, b), log]],
    ],
    ['logNormalSf', 3e-13, (z: number, log: number) => [[logNormalSf(z), log]]],
    ['logChiSquareSf', 1e-12, (x: number, df: number, log: number) => [[logUpperGamma(df / 2, x / 2), log]]],
  ] as const)('%s', (name, bound, evaluate) => {
    expect(worst(name, evaluate as unknown as Evaluate, ofLogarithm)).toBeLessThan(bound)
  })

  it.each([
    ['betaQuantile', 1.5e-11, (p: number, a: number, b: number, x: number) => [[betaQuantile(p, a, b), x]]],
    ['logBeta', 2e-14, (a: number, b: number, log: number) => [[logBeta(a, b), log]]],
    ['logGamma', 5e-14, (x: number, log: number) => [[logGamma(x), log]]],
    ['normalQuantile', 2e-15, (p: number, z: number) => [[normalQuantile(p), z]]],
    ['studentTCdf', 3e-13, (t: number, df: number, p: number) => [[studentTCdf(t, df), p]]],
    ['studentTQuantile', 5e-13, (p: number, df: number, t: number) => [[studentTQuantile(p, df), t]]],
  ] as const)('%s', (name, bound, evaluate) => {
    expect(worst(name, evaluate as unknown as Evaluate)).toBeLessThan(bound)
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
