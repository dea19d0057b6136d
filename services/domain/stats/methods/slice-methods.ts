import { exceedanceLimit } from '../exceedance-limit.ts'
import { exceedanceBreached } from '../exceedance-window.ts'
import { benjaminiHochbergAdjusted, holmAdjusted } from '../multiplicity/adjusted-p.ts'
import { combinedE } from '../multiplicity/combined-e.ts'
import { eBenjaminiHochberg } from '../multiplicity/e-benjamini-hochberg.ts'
import { excessDisagreement } from '../noise-floor/excess-disagreement.ts'
import { scoreNoise } from '../noise-floor/score-noise.ts'
import { shrinkSlices } from '../slices/empirical-bayes.ts'
import { mantelHaenszelDifference } from '../slices/mantel-haenszel.ts'
import { pooledEstimate } from '../slices/pooled-estimate.ts'
import { sliceContrast } from '../slices/slice-contrast.ts'
import { stratifiedMean } from '../slices/stratified-mean.ts'
import { changeDetector, watchedShares } from '../time/change-detector.ts'
import { cumulativeSum } from '../time/cumulative-sum.ts'
import { detectableMargin } from '../time/detectable-effect.ts'
import { stageDuration } from '../time/stage-duration.ts'
import {
  count,
  group,
  list,
  notNegative,
  nullable,
  openProbability,
  optional,
  positive,
  probability,
  real,
} from './fields.ts'
import { method } from './method.ts'

const alpha = optional(openProbability, 0.05)

const multiplicity = [
  method({
    name: 'multiple.adjust',
    summary: 'Holm and Benjamini-Hochberg adjusted p-values',
    inputs: { p: list(probability) },
    outputs: ['holm', 'bh'],
    compute: ({ p }) => ({ holm: holmAdjusted(p), bh: benjaminiHochbergAdjusted(p) }),
  }),
  method({
    name: 'multiple.eBH',
    summary: 'e-BH: indices (from 0) rejected at false discovery rate alpha',
    inputs: { e: list(notNegative), alpha },
    outputs: ['rejectedIndices0'],
    compute: ({ e, alpha: level }) => ({ rejectedIndices0: eBenjaminiHochberg(e, level) }),
  }),
  method({
    name: 'multiple.combineE',
    summary: 'ln of the product (independent) and of the mean (any) of e-values of one hypothesis',
    inputs: { logE: list(real) },
    outputs: ['logProduct', 'logMean'],
    compute: ({ logE }) => ({ ...combinedE(logE) }),
  }),
]

const slices = [
  method({
    name: 'stratified.riskDifference.mh',
    summary: 'Mantel-Haenszel risk difference with Sato’s error, and the crude one',
    inputs: { strata: list(group({ x1: count, n1: count, x0: count, n0: count })), alpha },
    outputs: ['crude', 'mh', 'seSato', 'ci', 'perStratum'],
    compute({ strata, alpha: level }) {
      const arms = strata.map(({ x1, n1, x0, n0 }) => ({
        candidateEvents: x1,
        candidateUnits: n1,
        baselineEvents: x0,
        baselineUnits: n0,
      }))
      const { crude, difference, error, interval, perStratum } = mantelHaenszelDifference(arms, level)
      return { crude, mh: difference, seSato: error, ci: interval, perStratum }
    },
  }),
  method({
    name: 'segments.empiricalBayes',
    summary: 'slice effects shrunk to their random-effects mean; with a margin, P(effect > margin)',
    inputs: { effect: list(real), se: list(positive), margin: optional(nullable(real), null) },
    outputs: ['Q', 'tau2', 'muRandom', 'shrunk', 'postSD', 'exceeds'],
    compute({ effect, se, margin }) {
      const { q, tauSquared, mean, shrunk, deviations, exceeds } = shrinkSlices({ effects: effect, errors: se }, margin)
      return { Q: q, tau2: tauSquared, muRandom: mean, shrunk, postSD: deviations, exceeds }
    },
  }),
  method({
    name: 'segments.contrast',
    summary: 'effect of a slice against that of all other traffic',
    inputs: { sliceEffect: real, sliceSE: notNegative, restEffect: real, restSE: notNegative },
    outputs: ['difference', 'z', 'pWorse', 'p'],
    compute: ({ sliceEffect, sliceSE, restEffect, restSE }) => ({
      ...sliceContrast({ sliceEffect, sliceError: sliceSE, restEffect, restError: restSE }),
    }),
  }),
  method({
    name: 'stratified.mean',
    summary: 'overall effect of oversampled strata by their shares of traffic',
    inputs: { effect: list(real), se: list(notNegative), weights: list(notNegative), alpha },
    outputs: ['mean', 'se', 'ci'],
    compute({ effect, se, weights, alpha: level }) {
      const { mean, error, interval } = stratifiedMean({ effects: effect, errors: se, weights, alpha: level })
      return { mean, se: error, ci: interval }
    },
  }),
  method({
    name: 'estimates.pool',
    summary: 'inverse-variance mean of independent estimates and the Q test that they agree (carry-over, drift)',
    inputs: { effect: list(real), se: list(positive), alpha },
    outputs: ['mean', 'se', 'ci', 'Q', 'p'],
    compute({ effect, se, alpha: level }) {
      const { mean, error, interval, q, p } = pooledEstimate({ effects: effect, errors: se }, level)
      return { mean, se: error, ci: interval, Q: q, p }
    },
  }),
  method({
    name: 'noiseFloor.excessDisagreement',
    summary: 'disagreement with the candidate beyond the baseline’s own (A/A)',
    inputs: {
      n: count,
      disagreeBoth: count,
      onlyCandidateVsBaseline: count,
      onlyBaselineVsBaseline: count,
      alpha,
    },
    outputs: ['rateCB', 'rateBB', 'excess', 'ciNewcombe', 'midp'],
    compute({ n, disagreeBoth, onlyCandidateVsBaseline, onlyBaselineVsBaseline, alpha: level }) {
      const { candidateRate, baselineRate, excess, interval, midP } = excessDisagreement(
        { n, both: disagreeBoth, onlyCandidate: onlyCandidateVsBaseline, onlyBaseline: onlyBaselineVsBaseline },
        level,
      )
      return { rateCB: candidateRate, rateBB: baselineRate, excess, ciNewcombe: interval, midp: midP }
    },
  }),
  method({
    name: 'noiseFloor.scores',
    summary: 'mean of |candidate − baseline| − |baseline again − baseline| per trace',
    inputs: { candidateDifferences: list(real), baselineDifferences: list(real), alpha },
    outputs: ['excess', 'se', 'ci', 'varCB', 'varBB'],
    compute(input) {
      const { excess, error, interval, candidateVariance, baselineVariance } = scoreNoise(input)
      return { excess, se: error, ci: interval, varCB: candidateVariance, varBB: baselineVariance }
    },
  }),
]

const time = [
  method({
    name: 'stage.duration',
    summary: 'hours until a stage has its required pairs, and in whole seasonal periods',
    inputs: {
      hourlyRequests: list(notNegative),
      startHour: optional(count, 0),
      share: probability,
      usableFraction: optional(probability, 1),
      requiredPairs: notNegative,
      seasonalPeriodHours: optional(positive, 24),
    },
    outputs: ['hours', 'hoursWithFullPeriods'],
    compute(input) {
      const { hours, wholePeriods } = stageDuration(input)
      return { hours, hoursWithFullPeriods: wholePeriods }
    },
  }),
  method({
    name: 'stage.detectableMargin',
    summary: 'smallest margin that the available pairs can show',
    inputs: {
      psi: probability,
      pairs: notNegative,
      deff: optional(positive, 1),
      alpha,
      power: optional(openProbability, 0.8),
    },
    outputs: ['margin'],
    compute: ({ psi, pairs, deff, alpha: level, power }) => ({
      margin: detectableMargin({ discordance: psi, pairs, designEffect: deff, alpha: level, power }),
    }),
  }),
  method({
    name: 'drift.cusum',
    summary: 'upper CUSUM of hourly net discordance',
    inputs: {
      values: list(real),
      target: optional(real, 0),
      sd: positive,
      allowance: optional(notNegative, 0.5),
      threshold: optional(positive, 5),
    },
    outputs: ['last', 'largest', 'alarmAt'],
    compute: ({ sd, ...rest }) => ({ ...cumulativeSum({ ...rest, deviation: sd }) }),
  }),
  method({
    name: 'drift.eDetector',
    summary: 'e-detector of a change to the worse in hourly discordant pairs (x only candidate, y only baseline)',
    inputs: {
      hours: list(group({ x: count, y: count })),
      pi0: optional(openProbability, 0.5),
      alternatives: optional(list(openProbability), watchedShares),
      runLength: optional(positive, 1_000),
    },
    outputs: ['logLast', 'logLargest', 'alarmAt'],
    compute: ({ pi0, ...rest }) => ({ ...changeDetector({ ...rest, nullShare: pi0 }) }),
  }),
  method({
    name: 'latency.exceedanceWindow',
    summary: 'smallest number of requests over budget that breaches a window',
    inputs: { n: count, budgetExceedFraction: probability, alphaWindow: openProbability },
    outputs: ['k', 'tail', 'tailAtKminus1'],
    compute({ n, budgetExceedFraction, alphaWindow }) {
      const { k, tail, tailBefore } = exceedanceLimit({ n, fraction: budgetExceedFraction, alpha: alphaWindow })
      return { k, tail, tailAtKminus1: tailBefore }
    },
  }),
  method({
    name: 'latency.p99Breach',
    summary: 'p99 over budget: exact tail of all sub-windows together and four of five above 1 %',
    inputs: {
      windows: list(group({ n: count, over: count })),
      alphaWindow: optional(openProbability, 1e-4),
      countMin: optional(count, 300),
    },
    outputs: ['breached'],
    compute: ({ windows, alphaWindow, countMin }) => ({
      breached: exceedanceBreached(windows, { alpha: alphaWindow, countMin }),
    }),
  }),
]

/** Many metrics and slices, noise floor, time and latency windows. */
export const sliceMethods = [...multiplicity, ...slices, ...time]
