import { clusterRobustNonInferiority, clusterRobustTest } from '../clustered/clustered-error.ts'
import { mcnemarOneSided, mcnemarTest } from '../paired/mcnemar.ts'
import { mcnemarPower } from '../paired/mcnemar-power.ts'
import { mcnemarSize, nonInferioritySize } from '../paired/mcnemar-size.ts'
import { pairedIntervals } from '../paired/paired-interval.ts'
import { normalCdf } from '../special-functions/normal.ts'
import { tangoScore } from '../tango.ts'
import { count, label, list, openProbability, optional, phrase, probability, real, sides } from './fields.ts'
import { method } from './method.ts'

const rates = { alpha: optional(openProbability, 0.05), power: optional(openProbability, 0.8) }

/** "candidate has more events …" or "… fewer events …". */
const direction = phrase(
  'a text that says whether the candidate has "more" or "fewer" events',
  /\b(more|greater|fewer|less)\b/i,
  ([word = '']) => (/^(more|greater)$/i.test(word) ? ('more' as const) : ('fewer' as const)),
)

/** Paired yes-or-no outcomes. */
export const pairedMethods = [
  method({
    name: 'mcnemar.test',
    summary: 'McNemar: exact, mid-p (default), χ² and continuity-corrected, two-sided',
    inputs: { n01: count, n10: count },
    outputs: ['exact', 'midp', 'chi2', 'p_chi2', 'chi2cc', 'p_chi2cc'],
    compute({ n01, n10 }) {
      const test = mcnemarTest({ onlyCandidate: n01, onlyBaseline: n10 })
      return {
        exact: test.exact,
        midp: test.midP,
        chi2: test.chiSquare,
        p_chi2: test.pChiSquare,
        chi2cc: test.chiSquareCorrected,
        p_chi2cc: test.pChiSquareCorrected,
      }
    },
  }),
  method({
    name: 'mcnemar.oneSided',
    summary: 'McNemar one-sided, candidate has more (or, if said so, fewer) events',
    inputs: { n01: count, n10: count, alternative: optional(direction, 'more') },
    outputs: ['exact', 'midp'],
    compute({ n01, n10, alternative }) {
      const { exact, midP } = mcnemarOneSided(
        alternative === 'more' ? { onlyCandidate: n01, onlyBaseline: n10 } : { onlyCandidate: n10, onlyBaseline: n01 },
      )
      return { exact, midp: midP }
    },
  }),
  method({
    name: 'mcnemar.sampleSize',
    summary: 'pairs needed: Connor 1987 (default), Miettinen 1968',
    inputs: { p01: probability, p10: probability, ...rates, sides: optional(sides, 2) },
    outputs: ['connor', 'connorCeil', 'miettinen', 'miettinenCeil'],
    compute({ p01, p10, ...rest }) {
      const { connor, miettinen } = mcnemarSize({ onlyCandidateShare: p01, onlyBaselineShare: p10, ...rest })
      return { connor, connorCeil: Math.ceil(connor), miettinen, miettinenCeil: Math.ceil(miettinen) }
    },
  }),
  method({
    name: 'mcnemar.power.unconditional',
    summary: 'power of exact and mid-p McNemar by full enumeration',
    inputs: { n: count, p01: probability, p10: probability, alpha: rates.alpha, sides: optional(sides, 2) },
    outputs: ['exact', 'midp'],
    compute({ p01, p10, ...rest }) {
      const { exact, midP } = mcnemarPower({ onlyCandidateShare: p01, onlyBaselineShare: p10, ...rest })
      return { exact, midp: midP }
    },
  }),
  method({
    name: 'pairedDiff.ci',
    summary: 'Δ = p_candidate − p_baseline of pairs with Wald, Newcombe, Tango and Bonett-Price intervals',
    inputs: { n11: count, n01: count, n10: count, n00: count, alpha: rates.alpha },
    outputs: ['delta', 'wald', 'newcombe', 'tango', 'bonettPrice'],
    compute: ({ n11, n01, n10, n00, alpha }) =>
      pairedIntervals({ both: n11, onlyCandidate: n01, onlyBaseline: n10, neither: n00 }, alpha),
  }),
  method({
    name: 'pairedDiff.nonInferiority.tango',
    summary: 'Tango’s score test of H0 Δ ≥ margin: z and p = Φ(z)',
    inputs: { n01: count, n10: count, n: count, margin: real },
    outputs: ['z', 'p'],
    compute({ n01, n10, n, margin }) {
      const z = tangoScore({ onlyCandidate: n01, onlyBaseline: n10, n, difference: margin })
      return { z, p: normalCdf(z) }
    },
  }),
  method({
    name: 'pairedDiff.sampleSize.nonInferiority',
    summary: 'pairs needed to show Δ < margin',
    inputs: { p01: probability, p10: probability, margin: real, ...rates, sides: optional(sides, 1) },
    outputs: ['n', 'nCeil'],
    compute({ p01, p10, ...rest }) {
      const n = nonInferioritySize({ onlyCandidateShare: p01, onlyBaselineShare: p10, ...rest })
      return { n, nCeil: Math.ceil(n) }
    },
  }),
  method({
    name: 'pairedDiff.clusterRobust',
    summary: 'mean paired difference = 0, cluster-robust with t of G − 1',
    inputs: { d: list(real), cluster: list(label) },
    outputs: ['mean', 'z', 'pWorse', 'p', 'G', 'gateable'],
    compute({ d, cluster }) {
      const { units, ...test } = clusterRobustTest({ values: d, clusters: cluster })
      return { ...test, G: units }
    },
  }),
  method({
    name: 'pairedDiff.nonInferiority.clusterRobust',
    summary: 'cluster-robust test of H0 mean difference ≥ margin: z and p = P(t of G − 1 ≤ z)',
    inputs: { d: list(real), cluster: list(label), margin: real },
    outputs: ['mean', 'z', 'p', 'G', 'gateable'],
    compute({ d, cluster, margin }) {
      const { units, ...test } = clusterRobustNonInferiority({ values: d, clusters: cluster }, margin)
      return { ...test, G: units }
    },
  }),
]
