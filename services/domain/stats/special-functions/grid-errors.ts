import { logBeta, logRegularizedBeta } from './beta.ts'
import { betaQuantile } from './beta-quantile.ts'
import { logBinomialCdf, logBinomialSfGe } from './binomial.ts'
import { logGamma, logUpperGamma } from './gamma.ts'
import { logNormalSf, normalQuantile } from './normal.ts'
import { studentTCdf, studentTQuantile } from './student-t.ts'

/** Arguments and values of each function, computed with 40 to 60 digits: `test/fixtures/special-functions-grid.json`. */
export interface SpecialFunctionGrid {
  readonly functions: Readonly<Record<string, { readonly rows: readonly (readonly number[])[] }>>
}

/** The largest error of one function over the grid, and where it lies. */
export interface GridError {
  readonly name: string
  readonly points: number
  /** Relative error of the value; for the logarithm of a probability, of the probability itself as long as that is a double. */
  readonly worst: number
  readonly at: readonly number[]
}

type Evaluate = (...row: number[]) => readonly (readonly [got: number, expected: number])[]

const logarithms: Readonly<Record<string, Evaluate>> = {
  logBinomial: (k = 0, n = 0, p = 0, lower = 0, upper = 0) => [
    [logBinomialCdf(k, n, p), lower],
    [logBinomialSfGe(k, n, p), upper],
  ],
  logBetaCdf: (x = 0, a = 0, b = 0, log = 0) => [[logRegularizedBeta(x, 1 - x, a, b), log]],
  logNormalSf: (z = 0, log = 0) => [[logNormalSf(z), log]],
  logChiSquareSf: (x = 0, df = 0, log = 0) => [[logUpperGamma(df / 2, x / 2), log]],
}

const values: Readonly<Record<string, Evaluate>> = {
  betaQuantile: (p = 0, a = 0, b = 0, x = 0) => [[betaQuantile(p, a, b), x]],
  logBeta: (a = 0, b = 0, log = 0) => [[logBeta(a, b), log]],
  logGamma: (x = 0, log = 0) => [[logGamma(x), log]],
  normalQuantile: (p = 0, z = 0) => [[normalQuantile(p), z]],
  studentTCdf: (t = 0, df = 0, p = 0) => [[studentTCdf(t, df), p]],
  studentTQuantile: (p = 0, df = 0, t = 0) => [[studentTQuantile(p, df), t]],
}

/** Below the smallest double only the logarithm's own relative error means anything. */
const far = 745

const relative = (got: number, expected: number) => (got === expected ? 0 : Math.abs(got / expected - 1))

function ofLogarithm(got: number, expected: number): number {
  if (got === expected) return 0
  return Math.abs(expected) > far ? relative(got, expected) : Math.abs(got - expected) / Math.min(1, Math.abs(expected))
}

/**
 * Worst error of every special function over the grid; NaN where one is not a number. A function that the grid lacks has 0 points.
 */
export function gridErrors(grid: SpecialFunctionGrid): readonly GridError[] {
  const worstOf = (name: string, evaluate: Evaluate, error: typeof relative): GridError => {
    const rows = grid.functions[name]?.rows ?? []
    let worst = 0
    let at: readonly number[] = []
    for (const row of rows) {
      for (const [got, expected] of evaluate(...row)) {
        const size = error(got, expected)
        // Written so that NaN counts as the worst of all and stays.
        if (size <= worst || Number.isNaN(worst)) continue
        worst = size
        at = row
      }
    }
    return { name, points: rows.length, worst, at }
  }
  return [
    ...Object.entries(logarithms).map(([name, evaluate]) => worstOf(name, evaluate, ofLogarithm)),
    ...Object.entries(values).map(([name, evaluate]) => worstOf(name, evaluate, relative)),
  ]
}
