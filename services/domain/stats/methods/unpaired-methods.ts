import { eventShareE, gridMixtureE } from '../sequential/event-share.ts'
import { rateRatioSequence } from '../sequential/rate-ratio-sequence.ts'
import { anytimeP } from '../sequential/two-sided-mixture.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { clusteredRatio } from '../unpaired/clustered-ratio.ts'
import { cuped } from '../unpaired/cuped.ts'
import { mannWhitney } from '../unpaired/mann-whitney.ts'
import { clopperPearson, jeffreysInterval, wilsonInterval } from '../unpaired/proportion-interval.ts'
import { rateRatioExact } from '../unpaired/rate-ratio-exact.ts'
import { relativeLift } from '../unpaired/relative-lift.ts'
import { sampleRatioChiSquare, sequentialSampleRatio } from '../unpaired/sample-ratio.ts'
import { statsmodelsScoreInterval } from '../unpaired/statsmodels-score-interval.ts'
import { twoProportions } from '../unpaired/two-proportions.ts'
import { unpairedSize } from '../unpaired/unpaired-size.ts'
import {
  count,
  group,
  list,
  notNegative,
  openProbability,
  optional,
  phrase,
  positive,
  probability,
  real,
} from './fields.ts'
import { method } from './method.ts'

const alpha = optional(openProbability, 0.05)
const number = String.raw`(\d+(?:\.\d+)?(?:e[-+]?\d+)?)`

/** "rate ratio <= 2.0": the R₀ of the null. */
const nullRatio = phrase(
  'a text as "rate ratio <= 1.0"',
  new RegExp(String.raw`ratio\s*(?:<=|≤|<)\s*${number}`, 'i'),
  ([ratio]) => Number(ratio),
)

/** "Beta(4*pi0,4*(1-pi0)) truncated …": the prior's strength. */
const priorStrength = phrase(
  'a text as "Beta(4*pi0,4*(1-pi0)) truncated to (pi0,1)"',
  new RegExp(String.raw`beta\(\s*${number}\s*\*?\s*pi0\s*,\s*\1\s*\*?\s*\(\s*1\s*-\s*pi0\s*\)\s*\)`, 'i'),
  ([strength]) => Number(strength),
)

/** "R_j=R0*exp(0.1 j), j=1..30, equal weights". */
const ratioGrid = phrase(
  'a text as "R_j=R0*exp(0.1 j), j=1..30, equal weights"',
  new RegExp(String.raw`exp\(\s*${number}\s*\*?\s*j\s*\)\s*,\s*j\s*=\s*1\s*\.\.\s*(\d+)`, 'i'),
  ([step, length]) => ({ step: Number(step), count: Number(length) }),
)

const events = { candidateTrafficShare: openProbability, candidateEvents: count, baselineEvents: count }

const sequentialUnpaired = [
  method({
    name: 'sequential.unpaired.eventShare',
    summary: 'e-value of H0 rate ratio ≤ R₀ from the candidate’s share of events',
    inputs: {
      ...events,
      H0: optional(nullRatio, 1),
      prior: optional(priorStrength, 4),
    },
    outputs: ['pi0', 'logE', 'pAnytime'],
    compute({ candidateTrafficShare, candidateEvents, baselineEvents, H0, prior }) {
      const { nullShare, logE } = eventShareE({
        candidateShare: candidateTrafficShare,
        candidateEvents,
        baselineEvents,
        nullRatio: H0,
        strength: prior,
      })
      return { pi0: nullShare, logE, pAnytime: anytimeP(logE) }
    },
  }),
  method({
    name: 'sequential.unpaired.rateRatioCS',
    summary: 'confidence sequence for the candidate’s share of events and the rate ratio',
    inputs: { ...events, priorA: optional(positive, 0.5), priorB: optional(positive, 0.5), alpha },
    outputs: ['pi', 'rateRatio'],
    compute({ candidateTrafficShare, priorA, priorB, ...rest }) {
      const { share, ratio } = rateRatioSequence({
        ...rest,
        candidateShare: candidateTrafficShare,
        a: priorA,
        b: priorB,
      })
      return { pi: share, rateRatio: ratio }
    },
  }),
  method({
    name: 'sequential.unpaired.gridMixture',
    summary: 'e-value of H0 rate ratio ≤ R₀ when the candidate’s share changes by segment',
    inputs: {
      segments: list(group({ q: openProbability, x: count, y: count })),
      R0: optional(positive, 1),
      grid: optional(ratioGrid, { step: 0.1, count: 30 }),
    },
    outputs: ['logE'],
    compute: ({ segments, R0, grid }) => ({
      logE: gridMixtureE({
        segments: segments.map(({ q, x, y }) => ({ candidateShare: q, candidateEvents: x, baselineEvents: y })),
        nullRatio: R0,
        ...grid,
      }),
    }),
  }),
  method({
    name: 'srm.sequential.dirichlet',
    summary: 'sequential sample ratio test; p after each batch of counts',
    inputs: { dailyCounts: list(list(count)), weights: list(positive), concentration: optional(positive, 10_000) },
    outputs: ['logBF', 'pSequence'],
    compute({ dailyCounts, weights, concentration }) {
      const { logBayesFactor, p } = sequentialSampleRatio({ batches: dailyCounts, weights, concentration })
      return { logBF: logBayesFactor, pSequence: p }
    },
  }),
  method({
    name: 'srm.chi2',
    summary: 'sample ratio mismatch at a look, Pearson’s χ²',
    inputs: { observed: list(count), weights: list(positive) },
    outputs: ['chi2', 'p'],
    compute({ observed, weights }) {
      const { chiSquare, p } = sampleRatioChiSquare({ counts: observed, weights })
      return { chi2: chiSquare, p }
    },
  }),
]

const rates = [
  method({
    name: 'oneSample.proportion.ci',
    summary: 'Wilson, Clopper-Pearson and Jeffreys intervals for a rate',
    inputs: { x: count, n: count, alpha },
    outputs: ['wilson', 'clopperPearson', 'clopperPearsonUpperOneSided', 'jeffreys'],
    compute({ x, n, alpha: level }) {
      const input = { events: x, n, alpha: level }
      const exact = clopperPearson(input)
      return {
        wilson: wilsonInterval(input),
        clopperPearson: exact.interval,
        clopperPearsonUpperOneSided: exact.upperOneSided,
        jeffreys: jeffreysInterval(input),
      }
    },
  }),
  method({
    name: 'twoSample.proportions.ci',
    summary: 'rate ratio and difference of two arms: Katz, Koopman, Newcombe, Agresti-Caffo, Mee',
    inputs: { x1: count, n1: count, x0: count, n0: count, alpha },
    outputs: [
      ...['rr', 'rrKatzLog', 'rrScore(Koopman)', 'diffNewcombe', 'diffAgrestiCaffo', 'diffScore', 'diffScore(Mee)'],
    ],
    compute({ x1, n1, x0, n0, alpha: level }) {
      const arms = { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 }
      const result = twoProportions(arms, level)
      return {
        rr: result.ratio,
        rrKatzLog: result.ratioKatz,
        'rrScore(Koopman)': result.ratioScore,
        diffNewcombe: result.differenceNewcombe,
        diffAgrestiCaffo: result.differenceAgrestiCaffo,
        // Mee's limits; the reference tables carry those of statsmodels under his name.
        diffScore: result.differenceScore,
        'diffScore(Mee)': statsmodelsScoreInterval(arms, -normalQuantile(level / 2)),
      }
    },
  }),
  method({
    name: 'twoSample.rateRatio.conditionalExact',
    summary: 'exact conditional test of rate ratio ≤ R₀',
    inputs: { x1: count, n1: positive, x0: count, n0: positive, R0: optional(positive, 1) },
    outputs: ['pi0', 'pExact', 'pMid'],
    compute({ x1, n1, x0, n0, R0 }) {
      const { nullShare, exact, midP } = rateRatioExact({
        candidateEvents: x1,
        candidateExposure: n1,
        baselineEvents: x0,
        baselineExposure: n0,
        nullRatio: R0,
      })
      return { pi0: nullShare, pExact: exact, pMid: midP }
    },
  }),
  method({
    name: 'twoSample.sampleSize.unequal',
    summary: 'units needed to tell two rates apart at unequal shares',
    inputs: {
      pCand: probability,
      pBase: probability,
      candidateShare: openProbability,
      alphaOneSided: alpha,
      power: optional(openProbability, 0.8),
    },
    outputs: ['totalN', 'candidateN'],
    compute({ pCand, pBase, candidateShare, alphaOneSided, power }) {
      const rate = { candidateRate: pCand, baselineRate: pBase, candidateShare, alpha: alphaOneSided, power }
      const { total, candidate } = unpairedSize(rate)
      return { totalN: total, candidateN: candidate }
    },
  }),
  method({
    name: 'twoSample.clusteredRatio',
    summary: 'rates of two arms by unit: difference and ratio with clustered errors',
    inputs: {
      candidate: group({ events: list(real), requests: list(notNegative) }),
      baseline: group({ events: list(real), requests: list(notNegative) }),
      alpha,
    },
    outputs: ['rateCand', 'seCand', 'rateBase', 'seBase', 'diff', 'seDiff', 'ciDiff', 'logRRse', 'ciRR'],
    compute(input) {
      const result = clusteredRatio(input)
      return {
        rateCand: result.candidate.rate,
        seCand: result.candidate.error,
        rateBase: result.baseline.rate,
        seBase: result.baseline.error,
        diff: result.difference,
        seDiff: result.differenceError,
        ciDiff: result.differenceInterval,
        logRRse: result.logRatioError,
        ciRR: result.ratioInterval,
      }
    },
  }),
]

const scores = [
  method({
    name: 'twoSample.mannWhitney',
    summary: 'Mann-Whitney and Brunner-Munzel, two-sided, with P(candidate > baseline) + ½ P(equal)',
    inputs: { baseline: list(real), candidate: list(real) },
    outputs: ['U_candidate', 'probSuperiority', 'pAsymptoticCC', 'pAsymptotic', 'brunnerMunzel'],
    compute({ baseline, candidate }) {
      const { u, superiority, pCorrected, p, brunnerMunzel } = mannWhitney(candidate, baseline)
      return {
        U_candidate: u,
        probSuperiority: superiority,
        pAsymptoticCC: pCorrected,
        pAsymptotic: p,
        brunnerMunzel: brunnerMunzel === null ? null : { W: brunnerMunzel.w, p: brunnerMunzel.p },
      }
    },
  }),
  method({
    name: 'cuped',
    summary: 'difference of means adjusted by a covariate known before assignment',
    inputs: { yCandidate: list(real), xCandidate: list(real), yBaseline: list(real), xBaseline: list(real) },
    outputs: ['theta', 'diff', 'se', 'rawDiff', 'rawSE'],
    compute({ yCandidate, xCandidate, yBaseline, xBaseline }) {
      const result = cuped({
        candidate: { outcome: yCandidate, covariate: xCandidate },
        baseline: { outcome: yBaseline, covariate: xBaseline },
      })
      return {
        theta: result.theta,
        diff: result.difference,
        se: result.error,
        rawDiff: result.rawDifference,
        rawSE: result.rawError,
      }
    },
  }),
  method({
    name: 'twoSample.relativeLift.delta',
    summary: 'relative lift of a mean, delta method with Welch’s degrees of freedom',
    inputs: {
      meanBase: real,
      sdBase: notNegative,
      nBase: count,
      meanCand: real,
      sdCand: notNegative,
      nCand: count,
      alpha,
    },
    outputs: ['lift', 'se', 'df', 'ci', 'p'],
    compute({ meanBase, sdBase, nBase, meanCand, sdCand, nCand, alpha: level }) {
      const { lift, error, df, interval, p } = relativeLift({
        candidate: { mean: meanCand, deviation: sdCand, n: nCand },
        baseline: { mean: meanBase, deviation: sdBase, n: nBase },
        alpha: level,
      })
      return { lift, se: error, df, ci: interval, p }
    },
  }),
]

/** Unpaired arms: rates, scores, traffic split. */
export const unpairedMethods = [...sequentialUnpaired, ...rates, ...scores]
