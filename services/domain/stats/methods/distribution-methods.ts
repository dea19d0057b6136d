import { logBeta, logRegularizedBeta } from '../special-functions/beta.ts'
import { betaQuantile } from '../special-functions/beta-quantile.ts'
import { binomialCdf, binomialSfGe, logBinomialCdf, logBinomialSfGe } from '../special-functions/binomial.ts'
import { chiSquareSf } from '../special-functions/chi-square.ts'
import { logNormalSf, normalCdf, normalQuantile } from '../special-functions/normal.ts'
import { studentTCdf, studentTQuantile } from '../special-functions/student-t.ts'
import { count, positive, probability, real, whole } from './fields.ts'
import { method } from './method.ts'

const outputs = ['value']

/** Distributions and special functions. */
export const distributionMethods = [
  method({
    name: 'dist.binomial.cdf',
    summary: 'P(X ≤ k), X ~ Bin(n, p)',
    inputs: { k: whole, n: count, p: probability },
    outputs,
    compute: ({ k, n, p }) => ({ value: binomialCdf(k, n, p) }),
  }),
  method({
    name: 'dist.binomial.sf_ge',
    summary: 'P(X ≥ k), X ~ Bin(n, p)',
    inputs: { k: whole, n: count, p: probability },
    outputs,
    compute: ({ k, n, p }) => ({ value: binomialSfGe(k, n, p) }),
  }),
  method({
    name: 'dist.binomial.logCdf',
    summary: 'ln P(X ≤ k) and ln P(X ≥ k), also below the smallest double',
    inputs: { k: whole, n: count, p: probability },
    outputs: ['lower', 'upper'],
    compute: ({ k, n, p }) => ({ lower: logBinomialCdf(k, n, p), upper: logBinomialSfGe(k, n, p) }),
  }),
  method({
    name: 'dist.beta.cdf',
    summary: 'I_x(a, b), the Beta(a, b) distribution function',
    inputs: { x: probability, a: positive, b: positive },
    outputs,
    compute: ({ x, a, b }) => ({ value: Math.exp(logRegularizedBeta(x, 1 - x, a, b)) }),
  }),
  method({
    name: 'dist.beta.quantile',
    summary: 'the x with I_x(a, b) = p',
    inputs: { p: probability, a: positive, b: positive },
    outputs,
    compute: ({ p, a, b }) => ({ value: betaQuantile(p, a, b) }),
  }),
  method({
    name: 'dist.normal.cdf',
    summary: 'P(Z ≤ z), standard normal',
    inputs: { z: real },
    outputs,
    compute: ({ z }) => ({ value: normalCdf(z) }),
  }),
  method({
    name: 'dist.normal.logCdf',
    summary: 'ln P(Z ≤ z), also below the smallest double',
    inputs: { z: real },
    outputs,
    compute: ({ z }) => ({ value: logNormalSf(-z) }),
  }),
  method({
    name: 'dist.normal.quantile',
    summary: 'the z with P(Z ≤ z) = p',
    inputs: { p: probability },
    outputs,
    compute: ({ p }) => ({ value: normalQuantile(p) }),
  }),
  method({
    name: 'dist.chisquare.sf',
    summary: 'P(X ≥ x), χ² with df degrees of freedom',
    inputs: { x: real, df: positive },
    outputs,
    compute: ({ x, df }) => ({ value: chiSquareSf(x, df) }),
  }),
  method({
    name: 'dist.t.cdf',
    summary: 'P(T ≤ t), Student’s t',
    inputs: { t: real, df: positive },
    outputs,
    compute: ({ t, df }) => ({ value: studentTCdf(t, df) }),
  }),
  method({
    name: 'dist.t.quantile',
    summary: 'the t with P(T ≤ t) = p',
    inputs: { p: probability, df: positive },
    outputs,
    compute: ({ p, df }) => ({ value: studentTQuantile(p, df) }),
  }),
  method({
    name: 'math.lbeta',
    summary: 'ln B(a, b)',
    inputs: { a: positive, b: positive },
    outputs,
    compute: ({ a, b }) => ({ value: logBeta(a, b) }),
  }),
]
