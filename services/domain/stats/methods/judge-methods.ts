import { cohenKappa } from '../judge/cohen-kappa.ts'
import { judgeFaults } from '../judge/judge-fitness.ts'
import { lengthControlledWinRate } from '../judge/length-control.ts'
import { type PoweredMean, predictionPoweredMean } from '../judge/prediction-powered.ts'
import { roganGladen } from '../judge/rogan-gladen.ts'
import { weightedPredictionPoweredMean } from '../judge/weighted-prediction-powered.ts'
import { positionBias, winRate } from '../judge/win-rate.ts'
import { count, group, list, nullable, openProbability, optional, probability, real } from './fields.ts'
import { method } from './method.ts'

const alpha = optional(openProbability, 0.05)
/** A cell of a table that is not written is empty; a misspelt one is refused. */
const cell = optional(count, 0)

function poweredAnswer({ lambda, mean, error, interval }: PoweredMean) {
  return { lam: lambda, theta: mean, se: error, ci: interval }
}

/** Judges, win rates and agreement. */
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
    name: 'judge.ppi.weighted',
    summary: 'PPI++ where traces were chosen with unequal known probabilities (oversampled segments, targeted labels)',
    inputs: {
      Y: list(real),
      Yhat: list(real),
      p: list(probability),
      Yu: list(real),
      pu: list(probability),
      lambda: optional(nullable(probability), null),
      alpha,
    },
    outputs: ['lam', 'theta', 'se', 'ci', 'nEff'],
    compute({ Y, Yhat, p, Yu, pu, lambda, alpha: level }) {
      const { effectiveLabels, ...powered } = weightedPredictionPoweredMean({
        human: { values: Y, inclusion: p },
        judgeLabelled: Yhat,
        judgeUnlabelled: { values: Yu, inclusion: pu },
        alpha: level,
        lambda,
      })
      return { ...poweredAnswer(powered), nEff: effectiveLabels }
    },
  }),
  method({
    name: 'judge.fitness',
    summary: 'whether a judge may feed a gate: every house rule that it breaks',
    inputs: {
      labels: count,
      kappa: real,
      kappaLower: real,
      humanKappa: optional(nullable(real), null),
      consistency: probability,
      firstShare: optional(nullable(probability), null),
    },
    outputs: ['usable', 'faults'],
    compute(record) {
      const faults = judgeFaults(record)
      return { usable: faults.length === 0, faults }
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
]
