import { clusteredMean } from '../clustered/clustered-error.ts'
import { designEffect } from '../clustered/design-effect.ts'
import { evaluationSize } from '../clustered/evaluation-size.ts'
import { intraclassCorrelation } from '../clustered/intraclass-correlation.ts'
import { smallSampleMean } from '../clustered/small-sample-error.ts'
import { varianceParts } from '../clustered/variance-parts.ts'
import { wildClusterBootstrap } from '../clustered/wild-cluster-bootstrap.ts'
import { count, label, list, notNegative, openProbability, optional, positive, real, text } from './fields.ts'
import { method } from './method.ts'

const alpha = optional(openProbability, 0.05)

/** Means by unit of independence, design effects and evaluation sizes. */
export const clusteredMethods = [
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
    name: 'se.clustered.wildBootstrap',
    summary: 'wild cluster bootstrap of a mean = nullMean; all sign patterns up to 16 units, seeded above',
    inputs: {
      d: list(real),
      cluster: list(label),
      nullMean: optional(real, 0),
      resamples: optional(count, 9_999),
      seed: optional(text, 'penstock'),
    },
    outputs: ['mean', 't', 'pAbove', 'p', 'G', 'exact'],
    compute({ d, cluster, ...options }) {
      const { units, ...test } = wildClusterBootstrap({ values: d, clusters: cluster }, options)
      return { ...test, G: units }
    },
  }),
  method({
    name: 'cluster.icc',
    summary: 'intraclass correlation by analysis of variance, and the design effect that it makes',
    inputs: { d: list(real), cluster: list(label) },
    outputs: ['icc', 'deff', 'G'],
    compute({ d, cluster }) {
      const { icc, designEffect: deff, units } = intraclassCorrelation({ values: d, clusters: cluster })
      return { icc, deff, G: units }
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
