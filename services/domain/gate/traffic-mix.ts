import { mantelHaenszelWeight } from '../stats/unpaired/stratified-score.ts'
import { type ArmCounts, type LiveStrata, standardisedRates } from './live-strata.ts'
import { marginValue } from './margin-value.ts'
import type { AdvanceTest } from './plan.ts'
import { advanceStateOf, type RunGate } from './run-gate.ts'
import { nameOf, points } from './sentence-parts.ts'
import type { StageView } from './stage-view.ts'

/** Standard errors by which two estimates must lie apart: the check is made with every verdict, and a stage has many. */
const apart = 4

/** Two estimates of one difference, and the chance deviation of their distance when units fall to the arms at random. */
interface MixEstimates {
  readonly byRule: number
  readonly byMix: number
  readonly error: number
  readonly mixes: number
}

/**
 * Simpson's paradox in live arms: the difference of rates by rule (on which the advance rests) against the same by rule × segments × hour. They part when the
 * mix of traffic differs between the arms, which a fair draw within a rule does not do. A sentence for a person when they lie more than half the margin apart, or
 * differ in sign by more than a quarter of it, and in both cases by more than chance explains: two estimates around 0 prove nothing.
 */
export function misleadingMix(gate: RunGate, stage: StageView, tests: readonly AdvanceTest[]): string | null {
  if (stage.approved) return null
  for (const test of tests) {
    if (test.engine !== 'farrington_manning') continue
    const { strata, units } = advanceStateOf(gate, stage.wave, stage.stageEntry, test.id)
    const margin = marginValue(test, gate.calibration.frozen)
    if (margin === null || Math.min(units.baseline, units.candidate) < gate.plan.unitsMin) continue
    const estimates = mixEstimates(strata)
    if (estimates === null || !misleads(estimates, margin)) continue
    const { byRule, byMix, mixes } = estimates
    const two = `the candidate differs by ${points(byRule)} over all units, but by ${points(byMix)} within equal segments and hours`
    return `${nameOf(test)}: ${two} (${mixes} strata): the mix of traffic differs between the arms and misleads`
  }
  return null
}

function misleads({ byRule, byMix, error }: MixEstimates, margin: number): boolean {
  const distance = Math.abs(byRule - byMix)
  const least = byRule * byMix < 0 ? margin / 4 : margin / 2
  return distance > least && distance > apart * error
}

/**
 * Mantel-Haenszel differences by rule and by mix; null while one of them does not speak. The variance of their distance is that of a sum over units with known
 * weights: of the outcomes within each mix, and of how a fair draw spreads the mixes of a rule over its arms.
 */
export function mixEstimates(strata: LiveStrata): MixEstimates | null {
  const rules = Object.values(strata)
  const mixes = rules.flatMap(({ all, mixes: own }) => Object.values(own).map((mix) => ({ rule: all, mix })))
  const byRule = standardisedRates(rules.map(({ all }) => all))
  const byMix = standardisedRates(mixes.map(({ mix }) => mix))
  if (byRule === null || byMix === null) return null
  const ruleTotal = totalWeight(rules.map(({ all }) => all))
  const mixTotal = totalWeight(mixes.map(({ mix }) => mix))
  let variance = 0
  for (const { rule, mix } of mixes) {
    const ruleShare = mantelHaenszelWeight(rule) / ruleTotal
    const mixShare = mantelHaenszelWeight(mix) / mixTotal
    const p = rateOf(mix)
    for (const arm of ['candidateUnits', 'baselineUnits'] as const) {
      if (mix[arm] === 0) continue
      const weight = mixShare / mix[arm] - ruleShare / rule[arm]
      variance += mix[arm] * weight ** 2 * p * (1 - p)
    }
    if (ruleShare === 0) continue
    const share = unitsOf(mix) / unitsOf(rule)
    variance += ruleShare ** 2 * share * (p - rateOf(rule)) ** 2 * (1 / rule.candidateUnits + 1 / rule.baselineUnits)
  }
  return {
    byRule: byRule.candidate - byRule.baseline,
    byMix: byMix.candidate - byMix.baseline,
    error: Math.sqrt(variance),
    mixes: mixes.length,
  }
}

function totalWeight(strata: readonly ArmCounts[]): number {
  return strata.reduce((sum, stratum) => sum + mantelHaenszelWeight(stratum), 0)
}

function unitsOf({ candidateUnits, baselineUnits }: ArmCounts): number {
  return candidateUnits + baselineUnits
}

function rateOf(stratum: ArmCounts): number {
  return (stratum.candidateEvents + stratum.baselineEvents) / unitsOf(stratum)
}
