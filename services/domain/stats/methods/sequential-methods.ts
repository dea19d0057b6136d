import { logTruncatedBetaBinomialE, tunedPrior } from '../beta-binomial-e.ts'
import { crossingProbabilities, spendingBounds } from '../sequential/alpha-spending.ts'
import { asymptoticSequence } from '../sequential/asymptotic-sequence.ts'
import { bernoulliSequence } from '../sequential/bernoulli-sequence.ts'
import { bettingSequence } from '../sequential/betting-sequence.ts'
import { designInflation } from '../sequential/design-inflation.ts'
import { hedgedBetting } from '../sequential/hedged-betting.ts'
import { normalLikelihoodRatio } from '../sequential/normal-likelihood-ratio.ts'
import { mixtureRho, normalMixtureBound } from '../sequential/normal-mixture.ts'
import { quantileComparison, quantileSequence } from '../sequential/quantile-sequence.ts'
import { ratioSequence } from '../sequential/ratio-sequence.ts'
import { anytimeP, logTwoSidedE, shareSequence } from '../sequential/two-sided-mixture.ts'
import {
  count,
  list,
  notNegative,
  nullable,
  numbersOrRange,
  openProbability,
  optional,
  outcomesOrRule,
  phrase,
  positive,
  probability,
  real,
  sides,
} from './fields.ts'
import { method, refused } from './method.ts'

const alpha = optional(openProbability, 0.05)
const alphaOpt = optional(openProbability, 0.05)

/** "… O'Brien-Fleming …", "… Pocock …" or "power family: a*t^2". */
const spending = phrase(
  'a text that names "O\'Brien-Fleming", "Pocock" or "power … t^exponent"',
  /(brien)|(pocock)|power.*t\s*(?:\^|\*\*)\s*(\d+(?:\.\d+)?)/i,
  ([obrienFleming, pocock, exponent]) =>
    obrienFleming !== undefined
      ? ({ kind: 'obrien-fleming' } as const)
      : pocock !== undefined
        ? ({ kind: 'pocock' } as const)
        : ({ kind: 'power', exponent: Number(exponent) } as const),
)

/** The prior's a by Howard et al. as it stands, or never below ½, as the gates use it. */
const tuningRule = phrase(
  'a text with "a=2*rho-1/2" (as it stands) or "a=max(1/2, 2*rho-1/2)"',
  /a\s*=\s*(max\s*\()?[^=]*2\s*\*?\s*rho\s*-\s*(?:1\/2|0?\.5)/i,
  ([floor]) => (floor === undefined ? ('plain' as const) : ('floored' as const)),
)

function evidence(logE: number) {
  return { logE, E: Math.exp(logE), pAnytime: anytimeP(logE) }
}

const mixtureInputs = { x: count, y: count, pi0: optional(openProbability, 0.5), priorA: positive, priorB: positive }

/** Group-sequential bounds, e-values and confidence sequences. */
export const sequentialMethods = [
  method({
    name: 'sequential.alphaSpending.bounds',
    summary: 'critical values at actual information fractions for a spending function',
    inputs: { information: list(positive), alpha, sides: optional(sides, 1), spending },
    outputs: ['z', 'alphaSpentPerSide'],
    compute(values) {
      const { z, spentPerSide } = spendingBounds(values)
      return { z, alphaSpentPerSide: spentPerSide }
    },
  }),
  method({
    name: 'sequential.crossingProbabilities',
    summary: 'chance of having crossed by each look under a drift: α spent (0) or power',
    inputs: { information: list(positive), z: list(real), drift: optional(real, 0), sides: optional(sides, 1) },
    outputs: ['above', 'below'],
    compute: (values) => ({ ...crossingProbabilities(values) }),
  }),
  method({
    name: 'sequential.alphaSpending.inflation',
    summary: 'largest information of a design over that of one fixed look of the same α and power',
    inputs: {
      information: list(positive),
      alpha,
      sides: optional(sides, 1),
      spending,
      power: optional(openProbability, 0.8),
    },
    outputs: ['inflation', 'drift'],
    compute: (values) => ({ ...designInflation(values) }),
  }),
  method({
    name: 'sequential.betaBinomial.twoSided',
    summary: 'e-value of H0 π = π₀, Beta mixture',
    inputs: mixtureInputs,
    outputs: ['logE', 'E', 'pAnytime'],
    compute: ({ x, y, pi0, priorA, priorB }) =>
      evidence(logTwoSidedE({ events: x, others: y, nullShare: pi0, a: priorA, b: priorB })),
  }),
  method({
    name: 'sequential.betaBinomial.oneSided',
    summary: 'e-value of H0 π ≤ π₀, Beta mixture truncated to (π₀, 1)',
    inputs: mixtureInputs,
    outputs: ['logE', 'E', 'pAnytime'],
    compute: ({ x, y, pi0, priorA, priorB }) =>
      evidence(logTruncatedBetaBinomialE({ events: x, others: y, nullShare: pi0, a: priorA, b: priorB })),
  }),
  method({
    name: 'sequential.betaBinomial.tuning',
    summary: 'prior for a decision after mOpt discordant pairs, with ln E at 60 against 30',
    inputs: { mOpt: positive, alpha, rule: optional(tuningRule, 'floored') },
    outputs: ['rho', 'a', 'logE(60,30)'],
    compute({ mOpt, alpha: level, rule }) {
      const plain = 2 * mixtureRho(mOpt / 4, level) - 0.5
      const a = rule === 'plain' ? plain : tunedPrior({ discordant: mOpt, alpha: level })
      const logE = logTwoSidedE({ events: 60, others: 30, nullShare: 0.5, a, b: a })
      return { rho: mixtureRho(mOpt / 4, level), a, 'logE(60,30)': logE }
    },
  }),
  method({
    name: 'sequential.betaBinomial.cs',
    summary: 'confidence sequence for π with a fixed Beta prior',
    inputs: { x: count, y: count, priorA: positive, priorB: positive, alpha },
    outputs: ['lower', 'upper'],
    compute({ x, y, priorA, priorB, alpha: level }) {
      const [lower, upper] = shareSequence({ events: x, others: y, a: priorA, b: priorB, alpha: level })
      return { lower, upper }
    },
  }),
  method({
    name: 'sequential.bernoulliCI.confseq',
    summary: 'confidence sequence for a Bernoulli mean, prior tuned per candidate mean',
    inputs: { successes: count, trials: count, alpha, tOpt: positive, alphaOpt },
    outputs: ['lower', 'upper'],
    compute({ successes, trials, alpha: level, tOpt, alphaOpt: tunedAlpha }) {
      const [lower, upper] = bernoulliSequence({ successes, trials, alpha: level, tunedFor: tOpt, tunedAlpha })
      return { lower, upper }
    },
  }),
  method({
    name: 'sequential.normalMixture.bound',
    summary: 'sub-Gaussian mixture boundary at intrinsic time v',
    inputs: { v: notNegative, alpha, vOpt: positive, alphaOpt, sides: optional(sides, 2) },
    outputs: ['rho', 'bound'],
    compute: ({ vOpt, alphaOpt: tunedAlpha, ...rest }) => ({
      ...normalMixtureBound({ ...rest, tunedFor: vOpt, tunedAlpha }),
    }),
  }),
  method({
    name: 'sequential.asympCS',
    summary: 'asymptotic confidence sequence for a mean, two- and one-sided',
    inputs: { n: count, tOpt: positive, alpha, mean: real, sd: notNegative },
    outputs: ['rho2', 'margin', 'cs', 'oneSided'],
    compute({ n, tOpt, alpha: level, mean, sd }) {
      const sequence = asymptoticSequence({ n, mean, deviation: sd, alpha: level, tunedFor: tOpt })
      const { rhoSquared, margin, interval, oneSided } = sequence
      return {
        rho2: rhoSquared,
        margin,
        cs: interval,
        oneSided:
          oneSided === null ? null : { rho2: oneSided.rhoSquared, margin: oneSided.margin, lower: oneSided.lower },
      }
    },
  }),
  method({
    name: 'sequential.asympCS.ratio',
    summary: 'asymptotic confidence sequence of a ratio metric over units',
    inputs: { clusterSums: list(real), clusterSizes: list(notNegative), tOpt: positive, alpha },
    outputs: ['ratio', 'margin', 'cs', 'usable'],
    compute({ clusterSums, clusterSizes, tOpt, alpha: level }) {
      const input = { sums: clusterSums, sizes: clusterSizes, alpha: level, tunedFor: tOpt }
      const { ratio, margin, interval, usable } = ratioSequence(input)
      return { ratio, margin, cs: interval, usable }
    },
  }),
  method({
    name: 'sequential.msprt.normal',
    summary: 'mixture sequential probability ratio of two means',
    inputs: { nPerArm: count, diff: real, varA: notNegative, varB: notNegative, tau2: positive, alpha },
    outputs: ['Lambda', 'pAnytime', 'halfWidth'],
    compute({ nPerArm, diff, varA, varB, tau2, alpha: level }) {
      const { logRatio, halfWidth } = normalLikelihoodRatio({
        unitsPerArm: nPerArm,
        difference: diff,
        varianceA: varA,
        varianceB: varB,
        mixtureVariance: tau2,
        alpha: level,
      })
      return { Lambda: Math.exp(logRatio), pAnytime: anytimeP(logRatio), halfWidth }
    },
  }),
  method({
    name: 'sequential.betting.hedged',
    summary: 'hedged betting capital against a mean in [0, 1], with the empirical-Bernstein sequence',
    inputs: {
      x: outcomesOrRule,
      n: optional(nullable(count), null),
      m: probability,
      alpha,
      theta: optional(probability, 0.5),
      truncScale: optional(positive, 0.5),
    },
    outputs: ['capitalPositive', 'capitalNegative', 'hedged', 'empiricalBernsteinCS'],
    compute({ x, n, m, alpha: level, theta, truncScale }) {
      if (n !== null && n > x.length) throw refused('n', `at most the ${x.length} outcomes of "x"`, n)
      const used = { x: x.slice(0, n ?? x.length), mean: m, alpha: level, theta, truncation: truncScale }
      const capital = hedgedBetting(used)
      return {
        capitalPositive: Math.exp(capital.logPositive),
        capitalNegative: Math.exp(capital.logNegative),
        hedged: Math.exp(capital.logHedged),
        empiricalBernsteinCS: capital.interval,
      }
    },
  }),
  method({
    name: 'sequential.betting.cs',
    summary: 'confidence sequence of a mean in [0, 1] by hedged betting',
    inputs: { x: outcomesOrRule, alpha, truncScale: optional(openProbability, 0.5) },
    outputs: ['lower', 'upper'],
    compute({ x, alpha: level, truncScale }) {
      const [lower, upper] = bettingSequence(x, { alpha: level, truncation: truncScale })
      return { lower, upper }
    },
  }),
  method({
    name: 'sequential.quantileAB.p',
    summary: 'anytime-valid p-value that two arms share a quantile',
    inputs: { a: numbersOrRange, b: numbersOrRange, quantile: openProbability, tOpt: positive, alphaOpt },
    outputs: ['p'],
    compute: ({ tOpt, alphaOpt: tunedAlpha, ...rest }) => ({
      p: quantileComparison({ ...rest, tunedFor: tOpt, tunedAlpha }),
    }),
  }),
  method({
    name: 'sequential.quantileCS.ranks',
    summary: 'ranks of a confidence sequence for a quantile',
    inputs: { t: count, quantile: openProbability, alpha, tOpt: positive, alphaOpt },
    outputs: ['up', 'down', 'lowerRank', 'upperRank'],
    compute: ({ tOpt, alphaOpt: tunedAlpha, ...rest }) => ({
      ...quantileSequence({ ...rest, tunedFor: tOpt, tunedAlpha }),
    }),
  }),
]
