import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'
import { requireArms, type TwoArms } from '../unpaired/restricted-rates.ts'

/**
 * Risk difference (candidate − baseline) over strata by Mantel & Haenszel with Sato's variance (Sato 1989, Biometrics 45:1323), next to the crude one:
 * where they differ in sign or by more than half a margin, the mix of traffic misleads (Simpson). Strata where an arm is empty carry no weight and have a
 * null difference. Nothing comparable at all: estimate and error null, interval [−1, 1].
 */
export function mantelHaenszelDifference(
  strata: readonly TwoArms[],
  alpha: number,
): {
  readonly crude: number | null
  readonly difference: number | null
  readonly error: number | null
  readonly interval: Interval
  readonly perStratum: readonly (number | null)[]
} {
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  if (strata.length === 0) throw new StatsError('no stratum given')
  for (const stratum of strata) requireArms(stratum)
  const perStratum = strata.map(differenceOf)
  const crude = differenceOf(strata.reduce(added))
  let weights = 0
  let weighted = 0
  for (const [index, stratum] of strata.entries()) {
    const difference = perStratum[index] ?? null
    if (difference === null) continue
    const { candidateUnits: n1, baselineUnits: n0 } = stratum
    const weight = (n1 / (n1 + n0)) * n0
    weights += weight
    weighted += weight * difference
  }
  if (weights === 0) return { crude, difference: null, error: null, interval: [-1, 1], perStratum }
  const difference = weighted / weights
  const error = Math.sqrt(Math.max(0, satoVariance(strata, difference))) / weights
  const half = -normalQuantile(alpha / 2) * error
  return { crude, difference, error, interval: [difference - half, difference + half], perStratum }
}

function differenceOf(arms: TwoArms): number | null {
  if (arms.candidateUnits === 0 || arms.baselineUnits === 0) return null
  return arms.candidateEvents / arms.candidateUnits - arms.baselineEvents / arms.baselineUnits
}

function added(a: TwoArms, b: TwoArms): TwoArms {
  return {
    candidateEvents: a.candidateEvents + b.candidateEvents,
    candidateUnits: a.candidateUnits + b.candidateUnits,
    baselineEvents: a.baselineEvents + b.baselineEvents,
    baselineUnits: a.baselineUnits + b.baselineUnits,
  }
}

/** δ ΣP + ΣQ, the numerator of Sato's variance. */
function satoVariance(strata: readonly TwoArms[], difference: number): number {
  let p = 0
  let q = 0
  for (const { candidateEvents: x1, candidateUnits: n1, baselineEvents: x0, baselineUnits: n0 } of strata) {
    const n = n1 + n0
    if (n1 === 0 || n0 === 0) continue
    p += (n1 / n) ** 2 * x0 - (n0 / n) ** 2 * x1 + (n1 / n) * (n0 / n) * ((n0 - n1) / 2)
    q += ((x1 / n) * (n0 - x0) + (x0 / n) * (n1 - x1)) / 2
  }
  return difference * p + q
}
