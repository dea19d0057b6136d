import { clusteredMean } from '../clustered/clustered-error.ts'
import { designEffect } from '../clustered/design-effect.ts'
import { evaluationSize } from '../clustered/evaluation-size.ts'
import { smallSampleMean } from '../clustered/small-sample-error.ts'
import { varianceParts } from '../clustered/variance-parts.ts'
import { cohenKappa } from '../judge/cohen-kappa.ts'
import { lengthControlledWinRate } from '../judge/length-control.ts'
import { type PoweredMean, predictionPoweredMean } from '../judge/prediction-powered.ts'
import { roganGladen } from '../judge/rogan-gladen.ts'
import { positionBias, winRate } from '../judge/win-rate.ts'
import {
  count,
  group,
  label,
  list,
  notNegative,
  openProbability,
  optional,
  positive,
  probability,
  real,
} from './fields.ts'
import { method } from './method.ts'

const alpha = optional(openProbability, 0.05)
/** A cell of a table that is not written is empty; a misspelt one is refused. */
const cell = optional(count, 0)

function poweredAnswer({ lambda, mean, error, interval }: PoweredMean) {
  return { lam: lambda, theta: mean, se: error, ci: interval }
}

/** Judges, win rates, agreement and evaluation scores. */
export const judgeMethods = [
  method({
    name: 'winrate.positionSwap',
    summary: 'win rate of a judge asked in both orders (first letter: winner when the candidate is shown first)',
    inputs: {
      counts: group({
        cc: cell,
        cb: cell,
        ct: cell,
        bc: cell,
        bb: cell,
        bt: cell,
        tc: cell,
        tb: cell,
        tt: cell,
      }),
    },
    outputs: [
      ...['n', 'wins', 'ties', 'losses', 'winRateConservative', 'se', 'winRateAveraged', 'positionConsistency'],
      ...['firstPositionShare', 'netWin', 'signTestMidP'],
    ],
    compute({ counts }) {
      const rate = winRate({
        'candidate/candidate': counts.cc,
        'candidate/baseline': counts.cb,
        'candidate/tie': counts.ct,
        'baseline/candidate': counts.bc,
        'baseline/baseline': counts.bb,
        'baseline/tie': counts.bt,
        'tie/candidate': counts.tc,
        'tie/baseline': counts.tb,
        'tie/tie': counts.tt,
      })
      return {
        n: rate.n,
        wins: rate.wins,
        ties: rate.ties,
        losses: rate.losses,
        winRateConservative: rate.winRate,
        se: rate.error,
        winRateAveraged: rate.averaged,
        positionConsistency: rate.consistency,
        firstPositionShare: rate.firstShare,
        netWin: rate.netWin,
        signTestMidP: rate.signTestMidP,
      }
    },
  }),
  method({
    name: 'judge.positionBias',
    summary: 'sign test of wins in first against wins in second position',
    inputs: { 'firstWinsBothOrders(cb)': count, 'secondWinsBothOrders(bc)': count },
    outputs: ['p1', 'midp'],
    compute(counts) {
      const { firstShare, midP } = positionBias({
        firstWinsBoth: counts['firstWinsBothOrders(cb)'],
        secondWinsBoth: counts['secondWinsBothOrders(bc)'],
      })
      return { p1: firstShare, midp: midP }
    },
  }),
  method({
    name: 'agreement.cohenKappa',
    summary: 'Cohen’s κ of a square table with its large-sample interval',
    inputs: { table: list(list(count)), alpha },
    outputs: ['kappa', 'se', 'ci'],
    compute({ table, alpha: level }) {
      const { kappa, error, interval } = cohenKappa(table, level)
      return { kappa, se: error, ci: interval }
    },
  }),
  method({
    name: 'judge.roganGladen',
    summary: 'true rate behind a binary judge of known sensitivity and specificity',
    inputs: {
      p: probability,
      specificity: probability,
      sensitivity: probability,
      n: count,
      m0: count,
      m1: count,
      alpha,
    },
    outputs: ['theta', 'ci'],
    compute({ p, specificity, sensitivity, n, m0, m1, alpha: level }) {
      const calibration = { specificity, sensitivity, negatives: m0, positives: m1 }
      const { rate, interval } = roganGladen({ positiveRate: p, n, ...calibration, alpha: level })
      return { theta: rate, ci: interval }
    },
  }),
  method({
    name: 'judge.ppi.mean',
    summary: 'human mean helped by a judge: PPI, PPI++ and human labels alone',
    inputs: { Y: list(real), Yhat: list(real), Yu: list(real), alpha },
    outputs: ['ppi(lambda=1)', 'ppi++', 'classical(lambda=0)'],
    compute({ Y, Yhat, Yu, alpha: level }) {
      const { ppi, tuned, classical } = predictionPoweredMean({
        human: Y,
        judgeLabelled: Yhat,
        judgeUnlabelled: Yu,
        alpha: level,
      })
      return {
        'ppi(lambda=1)': poweredAnswer(ppi),
        'ppi++': poweredAnswer(tuned),
        'classical(lambda=0)': poweredAnswer(classical),
      }
    },
  }),
  method({
    name: 'judge.lengthControlled',
    summary: 'win rate at equal length by logistic regression',
    inputs: { win: list(probability), lengthDiff: list(real), alpha },
    outputs: ['rawWinRate', 'b0', 'b1', 'seB0', 'lcWinRate', 'lcCI'],
    compute({ win, lengthDiff, alpha: level }) {
      const fit = lengthControlledWinRate({ wins: win, lengthDifferences: lengthDiff, alpha: level })
      return {
        rawWinRate: fit.raw,
        b0: fit.intercept,
        b1: fit.slope,
        seB0: fit.interceptError,
        lcWinRate: fit.winRate,
        lcCI: fit.interval,
      }
    },
  }),
  method({
    name: 'se.clustered',
    summary: 'mean with independent and clustered standard errors',
    inputs: { d: list(real), cluster: list(label) },
    outputs: ['mean', 'seCLT', 'seClusteredCR0', 'seClusteredCR1', 'G'],
    compute({ d, cluster }) {
      const { mean, independent, cr0, cr1, units } = clusteredMean({ values: d, clusters: cluster })
      return { mean, seCLT: independent, seClusteredCR0: cr0, seClusteredCR1: cr1, G: units }
    },
  }),
  method({
    name: 'se.clustered.smallSample',
    summary: 'mean with bias-reduced clustered error (CR2) and Satterthwaite degrees of freedom',
    inputs: { d: list(real), cluster: list(label), alpha },
    outputs: ['mean', 'seCR2', 'df', 'ci', 'p', 'G'],
    compute({ d, cluster, alpha: level }) {
      const { mean, cr2, df, interval, p, units } = smallSampleMean({ values: d, clusters: cluster }, level)
      return { mean, seCR2: cr2, df, ci: interval, p, G: units }
    },
  }),
  method({
    name: 'eval.varianceParts',
    summary: 'variance between questions and within repeated answers',
    inputs: { answers: list(list(real)) },
    outputs: ['mean', 'between', 'within'],
    compute: ({ answers }) => ({ ...varianceParts(answers) }),
  }),
  method({
    name: 'cluster.designEffect',
    summary: 'Kish’s design effect and the effective number of values',
    inputs: { clusterSizes: list(positive), icc: real },
    outputs: ['deff', 'nEff'],
    compute({ clusterSizes, icc }) {
      const { designEffect: deff, effective } = designEffect({ sizes: clusterSizes, icc })
      return { deff, nEff: effective }
    },
  }),
  method({
    name: 'eval.sampleSize.miller',
    summary: 'questions needed to see a difference between two models',
    inputs: {
      omega2: notNegative,
      sigmaA2: optional(notNegative, 0),
      sigmaB2: optional(notNegative, 0),
      KA: optional(positive, 1),
      KB: optional(positive, 1),
      delta: real,
      alpha,
      power: optional(openProbability, 0.8),
    },
    outputs: ['n', 'nCeil'],
    compute({ omega2, sigmaA2, sigmaB2, KA, KB, delta, alpha: level, power }) {
      const n = evaluationSize({
        omegaSquared: omega2,
        varianceA: sigmaA2,
        varianceB: sigmaB2,
        answersA: KA,
        answersB: KB,
        difference: delta,
        alpha: level,
        power,
      })
      return { n, nCeil: Math.ceil(n) }
    },
  }),
]
