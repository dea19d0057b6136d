import { exhaustiveClusterRatio, exhaustiveMean } from '../bootstrap/exhaustive-bootstrap.ts'
import { quantileDifference } from '../bootstrap/quantile-bootstrap.ts'
import { resampledClusterRatio, resampledMean } from '../bootstrap/resampled-mean.ts'
import { exactNetWin, resampledNetWin } from '../bootstrap/win-tie-loss.ts'
import { quantileRanks } from '../unpaired/quantile-ranks.ts'
import { count, list, openProbability, optional, positive, real, text } from './fields.ts'
import { method } from './method.ts'

const alpha = optional(openProbability, 0.05)
const resampling = { alpha, resamples: optional(count, 10_000), seed: optional(text, 'penstock') }

/** Resampling and order statistics. */
export const bootstrapMethods = [
  method({
    name: 'bootstrap.mean.exhaustive',
    summary: 'bootstrap of a mean over all nⁿ resamples: percentile and BCa',
    inputs: { d: list(real), alpha },
    outputs: ['mean', 'se', 'percentile', 'bca'],
    compute({ d, alpha: level }) {
      const { mean, error, percentile, acceleration, accelerated } = exhaustiveMean(d, level)
      return {
        mean,
        se: error,
        percentile,
        bca: {
          z0: accelerated.bias,
          acceleration,
          alpha1: accelerated.alphaLow,
          alpha2: accelerated.alphaHigh,
          interval: accelerated.interval,
        },
      }
    },
  }),
  method({
    name: 'bootstrap.mean',
    summary: 'seeded bootstrap of a mean: percentile, basic, BCa and bootstrap-t intervals',
    inputs: { d: list(real), ...resampling },
    outputs: ['mean', 'se', 'percentile', 'basic', 'bca', 'bootstrapT'],
    compute({ d, ...rest }) {
      const { mean, error, percentile, basic, accelerated, studentised } = resampledMean(d, rest)
      return { mean, se: error, percentile, basic, bca: accelerated, bootstrapT: studentised }
    },
  }),
  method({
    name: 'bootstrap.winTieLoss.multinomial',
    summary: 'net win (W − L)/n: closed-form bootstrap error and exact percentile interval',
    inputs: { wins: count, ties: count, losses: count, alpha },
    outputs: ['estimate', 'bootSE', 'exactPercentile'],
    compute({ alpha: level, ...counts }) {
      const { estimate, error, percentile } = exactNetWin(counts, level)
      return { estimate, bootSE: error, exactPercentile: percentile }
    },
  }),
  method({
    name: 'bootstrap.winTieLoss.resampled',
    summary: 'the same by seeded multinomial resampling of the counts',
    inputs: { wins: count, ties: count, losses: count, ...resampling },
    outputs: ['estimate', 'bootSE', 'percentile'],
    compute({ wins, ties, losses, ...rest }) {
      const { estimate, error, percentile } = resampledNetWin({ wins, ties, losses }, rest)
      return { estimate, bootSE: error, percentile }
    },
  }),
  method({
    name: 'bootstrap.cluster.ratio.exhaustive',
    summary: 'bootstrap of ΣS/Σm over all Gᴳ samples of units',
    inputs: { clusterSums: list(real), clusterSizes: list(positive), alpha },
    outputs: ['estimate', 'se', 'percentile', 'linearizedSE'],
    compute({ clusterSums, clusterSizes, alpha: level }) {
      const result = exhaustiveClusterRatio({ sums: clusterSums, sizes: clusterSizes, alpha: level })
      return {
        estimate: result.estimate,
        se: result.error,
        percentile: result.percentile,
        linearizedSE: result.linearisedError,
      }
    },
  }),
  method({
    name: 'bootstrap.cluster.ratio',
    summary: 'seeded cluster bootstrap of ΣS/Σm: percentile and basic intervals',
    inputs: { clusterSums: list(real), clusterSizes: list(positive), ...resampling },
    outputs: ['estimate', 'se', 'percentile', 'basic', 'linearizedSE'],
    compute({ clusterSums, clusterSizes, ...rest }) {
      const result = resampledClusterRatio({ sums: clusterSums, sizes: clusterSizes }, rest)
      return {
        estimate: result.estimate,
        se: result.error,
        percentile: result.percentile,
        basic: result.basic,
        linearizedSE: result.linearisedError,
      }
    },
  }),
  method({
    name: 'quantile.ci.orderStatistic',
    summary: 'ranks of a distribution-free interval for a quantile, with its exact coverage',
    inputs: { n: count, q: openProbability, alpha },
    outputs: ['l', 'u', 'coverage'],
    compute({ n, q, alpha: level }) {
      const { lower, upper, coverage } = quantileRanks({ n, quantile: q, alpha: level })
      return { l: lower, u: upper, coverage }
    },
  }),
  method({
    name: 'quantile.difference.binomialIndex',
    summary: 'difference of a quantile between two arms by binomial-index bootstrap',
    inputs: { candidate: list(real), baseline: list(real), q: openProbability, ...resampling },
    outputs: ['candidate', 'baseline', 'diff', 'se', 'percentile', 'extreme'],
    compute({ candidate, baseline, q, ...rest }) {
      const { difference, error, ...result } = quantileDifference({ candidate, baseline, quantile: q }, rest)
      return { ...result, diff: difference, se: error }
    },
  }),
]
