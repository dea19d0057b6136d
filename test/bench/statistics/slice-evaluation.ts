import { logMixedBetaBinomialE, tunedPrior } from '../../../services/domain/stats/beta-binomial-e.ts'
import { randomBinomial } from '../../../services/domain/stats/bootstrap/random-binomial.ts'
import { seededRandom } from '../../../services/domain/stats/bootstrap/seeded-random.ts'
import { benjaminiHochbergAdjusted } from '../../../services/domain/stats/multiplicity/adjusted-p.ts'
import { eBenjaminiHochberg } from '../../../services/domain/stats/multiplicity/e-benjamini-hochberg.ts'
import { mcnemarOneSided } from '../../../services/domain/stats/paired/mcnemar.ts'
import { shrinkSlices } from '../../../services/domain/stats/slices/empirical-bayes.ts'
import { tangoInterval, tangoScore } from '../../../services/domain/stats/tango.ts'
import { type Timing, timed } from './timing.ts'

const metrics = 10
const slices = 500
const pairs = 1_000_000
const margin = 0.01
const alpha = 0.05

/** Counts of one slice under one metric. */
interface Table {
  readonly n: number
  readonly onlyCandidate: number
  readonly onlyBaseline: number
}

export interface SliceEvaluation {
  readonly metrics: number
  readonly slices: number
  readonly pairs: number
  /** Everything that a look asks of all slices of all metrics: score test, interval, mid-p, e-value, BH, e-BH and shrinkage. */
  readonly timing: Timing
  readonly found: {
    readonly byP: number
    readonly alsoByEffect: number
    readonly byE: number
    readonly acceptable: number
  }
}

/** A look over 1,000,000 pairs × 10 metrics × 500 slices from their counts. One slice of each metric is planted worse by 5 points. */
export function benchSlices(): SliceEvaluation {
  const random = seededRandom('slices')
  const tables = Array.from({ length: metrics }, () =>
    Array.from({ length: slices }, (_, slice): Table => {
      const n = pairs / slices
      const onlyCandidate = randomBinomial(random, n, slice === 7 ? 0.11 : 0.06)
      return { n, onlyCandidate, onlyBaseline: randomBinomial(random, n - onlyCandidate, 0.06 / 0.94) }
    }),
  )
  const { timing, result } = timed(9, () => tables.map(evaluate))
  const total = (name: keyof SliceEvaluation['found']) => result.reduce((sum, each) => sum + each[name], 0)
  const found = {
    byP: total('byP'),
    alsoByEffect: total('alsoByEffect'),
    byE: total('byE'),
    acceptable: total('acceptable'),
  }
  return { metrics, slices, pairs, timing, found }
}

function evaluate(tables: readonly Table[]) {
  const tuned = tunedPrior({ discordant: 120, alpha })
  const p: number[] = []
  const e: number[] = []
  const effects: number[] = []
  const errors: number[] = []
  let acceptable = 0
  for (const { n, onlyCandidate, onlyBaseline } of tables) {
    if (tangoScore({ onlyCandidate, onlyBaseline, n, difference: margin }) <= -1.645) acceptable += 1
    const { low, high } = tangoInterval({ onlyCandidate, onlyBaseline, n, z: 1.96 })
    effects.push((onlyCandidate - onlyBaseline) / n)
    errors.push((high - low) / 3.92)
    p.push(mcnemarOneSided({ onlyCandidate, onlyBaseline }).midP)
    e.push(Math.exp(logMixedBetaBinomialE({ events: onlyCandidate, others: onlyBaseline, nullShare: 0.5, tuned })))
  }
  const adjusted = benjaminiHochbergAdjusted(p)
  const { exceeds } = shrinkSlices({ effects, errors }, margin / 2)
  const significant = adjusted.map((value, slice) => (value <= alpha ? slice : -1)).filter((slice) => slice >= 0)
  const alsoByEffect = significant.filter((slice) => (exceeds?.[slice] ?? 0) > 0.5).length
  return { byP: significant.length, alsoByEffect, byE: eBenjaminiHochberg(e, alpha).length, acceptable }
}
