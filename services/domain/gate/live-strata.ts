import type { Arm, Evidence } from '../events/records.ts'
import { mantelHaenszelWeight } from '../stats/unpaired/stratified-score.ts'

/** Units and events of both arms. */
export interface ArmCounts {
  candidateEvents: number
  candidateUnits: number
  baselineEvents: number
  baselineUnits: number
}

/**
 * The units of one unpaired test in one stage entry by where they come from: by `rule/weight`, within which the share of the candidate is constant, and each
 * rule by segments × hour of the day, for the look at the mix of traffic. Plain data.
 */
export type LiveStrata = Record<string, RuleStratum>

export interface RuleStratum {
  readonly all: ArmCounts
  readonly mixes: Record<string, ArmCounts>
}

/** Mixes kept of a rule; what comes new after so many is counted as its rest. */
const mixesMax = 1_000
const restOfMixes = ''
const attributesMax = 16
const hourMs = 3_600_000

/** Counts a unit once: where it was when its first outcome came. */
export function addToStrata(strata: LiveStrata, evidence: Evidence, arm: Arm, event: boolean): void {
  const { rule, candidate_weight: weight } = evidence.place
  const name = `${rule}/${weight}`
  const stratum = strata[name] ?? { all: noCounts(), mixes: {} }
  strata[name] = stratum
  const mix = mixOf(evidence)
  const isKept = stratum.mixes[mix] !== undefined || Object.keys(stratum.mixes).length < mixesMax
  const kept = isKept ? mix : restOfMixes
  const counts = stratum.mixes[kept] ?? noCounts()
  stratum.mixes[kept] = counts
  for (const each of [stratum.all, counts]) {
    each[`${arm}Units`] += 1
    if (event) each[`${arm}Events`] += 1
  }
}

/** Rates as if both arms had the strata in the same shares, those of Mantel and Haenszel; null before a stratum has both arms. */
export function standardisedRates(
  strata: readonly ArmCounts[],
): { readonly candidate: number; readonly baseline: number; readonly variance: number } | null {
  const total = strata.reduce((sum, stratum) => sum + mantelHaenszelWeight(stratum), 0)
  if (total === 0) return null
  let [candidate, baseline, variance] = [0, 0, 0]
  for (const stratum of strata) {
    const share = mantelHaenszelWeight(stratum) / total
    if (share === 0) continue
    const { candidateEvents, candidateUnits, baselineEvents, baselineUnits } = stratum
    candidate += (share * candidateEvents) / candidateUnits
    baseline += (share * baselineEvents) / baselineUnits
    variance += share ** 2 * (spread(candidateEvents, candidateUnits) + spread(baselineEvents, baselineUnits))
  }
  return { candidate, baseline, variance }
}

/** Half an event more than seen: an arm without events is not known to have none. */
function spread(events: number, units: number): number {
  const p = (events + 0.5) / (units + 1)
  return (p * (1 - p)) / units
}

function mixOf({ segments, arrived_at: arrivedAtMs }: Evidence): string {
  const hour = Math.floor(arrivedAtMs / hourMs) % 24
  const attributes = Object.keys(segments)
    .sort()
    .slice(0, attributesMax)
    .map((key) => [key, segments[key]])
  return `${hour}/${JSON.stringify(attributes)}`
}

function noCounts(): ArmCounts {
  return { candidateEvents: 0, candidateUnits: 0, baselineEvents: 0, baselineUnits: 0 }
}
