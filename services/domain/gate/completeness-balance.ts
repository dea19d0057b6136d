import type { Arm } from '../events/records.ts'
import { logMixedBetaBinomialE, tunedPrior } from '../stats/beta-binomial-e.ts'
import { logSumExp } from '../stats/log-sum.ts'
import { bernoulliSequence } from '../stats/sequential/bernoulli-sequence.ts'
import type { Completeness } from './completeness.ts'

/** Chance that equal arms are ever called unequal, in one comparison of one stage entry. */
const alpha = 0.001

/** Losses of the arms that are proven to differ. */
export interface Imbalance {
  readonly lost: Readonly<Record<Arm, number>>
  readonly planned: Readonly<Record<Arm, number>>
}

/**
 * Do the arms lose equally many legs? Asked whenever a verdict is given, so by tests that hold at every moment. Pairs: of the exchanges that lost
 * one leg alone, half are due to each arm (two one-sided Beta mixtures, each with half the stake). Live arms: confidence sequences of the two loss rates at
 * half of α each, which do not overlap. A difference below `leastDifference` (of rates) is none: it can move no estimate by more than itself.
 * @returns null while the arms are not proven unequal, also when later legs have evened them out
 */
export function imbalanceOf(completeness: Completeness, paired: boolean, leastDifference: number): Imbalance | null {
  const { planned, heard, lostAlone } = completeness
  if (planned.baseline === 0 || planned.candidate === 0) return null
  const lost = { baseline: planned.baseline - heard.baseline, candidate: planned.candidate - heard.candidate }
  const difference = lost.candidate / planned.candidate - lost.baseline / planned.baseline
  if (Math.abs(difference) < leastDifference) return null
  const proven = paired
    ? isLopsided(lostAlone)
    : areApart(sequenceOf(lost.baseline, planned.baseline), sequenceOf(lost.candidate, planned.candidate))
  return proven ? { lost, planned } : null
}

/** Tuned for a decision within some forty exchanges that lost one leg alone. */
const tuned = tunedPrior({ discordant: 40, alpha })

function isLopsided({ baseline, candidate }: Readonly<Record<Arm, number>>): boolean {
  const towards = (events: number, others: number) => logMixedBetaBinomialE({ events, others, nullShare: 0.5, tuned })
  return logSumExp([towards(candidate, baseline), towards(baseline, candidate)]) - Math.log(2) >= -Math.log(alpha)
}

function sequenceOf(lost: number, planned: number): readonly [low: number, high: number] {
  return bernoulliSequence({
    successes: lost,
    trials: planned,
    alpha: alpha / 2,
    tunedFor: 2_000,
    tunedAlpha: alpha / 2,
  })
}

function areApart(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[1] < b[0] || b[1] < a[0]
}
