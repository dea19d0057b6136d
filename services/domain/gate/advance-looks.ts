import { farringtonManning } from '../stats/farrington-manning.ts'
import { mcnemarOneSided } from '../stats/paired/mcnemar.ts'
import { normalCdf } from '../stats/special-functions/normal.ts'
import { tangoScore } from '../stats/tango.ts'
import { mantelHaenszelWeight, stratifiedScore } from '../stats/unpaired/stratified-score.ts'
import { amountPairsRequired, type OutcomePair, passIfProven } from './advance-amounts.ts'
import {
  type AdvanceState,
  armsOf,
  cellOf,
  createAdvanceState,
  differenceOf,
  type PairTable,
  paired,
  rulesOf,
  sizeOf,
} from './advance-state.ts'
import { agrees, usableCarried } from './carried-pairs.ts'
import type { ArmCounts } from './live-strata.ts'
import { marginValue } from './margin-value.ts'
import type { AdvanceTest, AnalysisPlan, Frozen } from './plan.ts'

/**
 * Puts corrected outcomes in the place of the pair at `position` (from 0). Looks that were taken stay spent. A pass that rested on the pair must hold on the
 * corrected data too, at its own bound, else it is taken back and the next look may pass; what did not pass is not looked at again.
 */
export function correctPair(
  test: AdvanceTest,
  state: AdvanceState,
  { position, from, to }: { readonly position: number; readonly from: OutcomePair; readonly to: OutcomePair },
  plan: AnalysisPlan,
  frozen: Frozen | null,
): void {
  const inPass = state.passedOn !== null && position < sizeOf(state.passedOn)
  for (const table of state.passedOn !== null && inPass ? [state.table, state.passedOn] : [state.table]) {
    table[cellOf(from)] -= 1
    table[cellOf(to)] += 1
  }
  const bound = plan.looks[state.statistics.length - 1]?.bound
  const margin = marginValue(test, frozen)
  if (state.passedOn === null || !inPass || bound === undefined || margin === null) return
  const corrected = { ...state, table: state.passedOn }
  const statistic = statisticOf(test, corrected, usableCarried(test, corrected, plan), margin, frozen)
  state.statistics[state.statistics.length - 1] = statistic
  state.passed = statistic <= -bound
  state.passedWith = state.passed ? differenceOf(test, corrected) : null
  if (state.passed) noteBetter(test, state, corrected)
  else {
    state.passedOn = null
    delete state.betterP
  }
}

/**
 * Information on the difference so far, 1 / Var(Δ̂). Paired: n / (ψ − Δ²) with ψ not below the floor that calibration froze. Unpaired:
 * 1 / (p(1−p)(1/n₁ + 1/n₀)) with the pooled rate p not below the assumed one. Neither lies below the margin M: a difference of M needs that many
 * events, so data without any event know no more than that. Several rules: the same variance of each, by its squared Mantel-Haenszel weight. A floor keeps a quiet start from looking like knowledge.
 */
function information(test: AdvanceTest, state: AdvanceState, frozen: Frozen | null): number {
  if (test.engine === 'tango') {
    const { n, difference, discordance } = paired(state)
    if (n === 0) return 0
    const floor = Math.max(frozen?.discordanceFloors[test.metric] ?? test.assumedRate, marginValue(test, frozen) ?? 0)
    return n / Math.max(discordance - difference * difference, floor)
  }
  const floor = Math.max(test.assumedRate, marginValue(test, frozen) ?? 0)
  const rules = rulesOf(state)
  if (rules !== null) return stratifiedInformation(rules, floor)
  const { baseline, candidate } = state.units
  if (baseline === 0 || candidate === 0) return 0
  const pooled = Math.max((state.events.baseline + state.events.candidate) / (baseline + candidate), floor)
  return 1 / (pooled * (1 - pooled) * (1 / candidate + 1 / baseline))
}

function stratifiedInformation(rules: readonly ArmCounts[], floor: number): number {
  let weights = 0
  let variance = 0
  for (const rule of rules) {
    const weight = mantelHaenszelWeight(rule)
    const events = rule.candidateEvents + rule.baselineEvents
    const p = Math.max(events / (rule.candidateUnits + rule.baselineUnits), floor)
    weights += weight
    // w²(1/n₁ + 1/n₀) = w
    variance += weight * p * (1 - p)
  }
  return variance === 0 ? 0 : weights ** 2 / variance
}

/**
 * Takes a look if the information has just crossed the next planned value. Called after every record, so that the data of a look end with the
 * very record that crossed it. A pass stays passed; after the last look there is never another. Each test has its own information clock: its four looks
 * are those its bounds were computed for, and a stage advances when the slowest has passed.
 */
export function lookIfDue(test: AdvanceTest, state: AdvanceState, plan: AnalysisPlan, frozen: Frozen | null): void {
  if (state.passed) return
  // Before calibration is over the floors that size a look are not known.
  if (frozen === null && plan.calibrationPairs > 0) return
  if (test.engine === 'paired_mean') {
    passIfProven(test, state, plan.unitsMin)
    return
  }
  const look = plan.looks[state.statistics.length]
  const margin = marginValue(test, frozen)
  if (look === undefined || margin === null) return
  const informationMax = test.informationFixed / (plan.looks[0]?.fraction ?? 1)
  const due = look.fraction * informationMax
  const own = information(test, state, frozen)
  const carried = usableCarried(test, state, plan)
  const fromShadow = carried === null ? 0 : information(test, carried, frozen)
  if (own + fromShadow < due) return
  const together = carried !== null && agrees(test, state, carried)
  if (carried !== null && !together && state.carried != null) state.carried.refused = true
  if (!together && own < due) return
  const statistic = statisticOf(test, state, together ? carried : null, margin, frozen)
  state.statistics.push(statistic)
  state.passed = statistic <= -look.bound
  if (state.passed) state.passedWith = differenceOf(test, state)
  if (state.passed && test.engine === 'tango') state.passedOn = { ...state.table }
  if (state.passed) noteBetter(test, state, state)
}

/**
 * One-sided p of "no better" on the data of the look at which the question passed, without carried pairs: McNemar's mid-p, or the score test at a difference
 * of 0. A look is taken where the information stands, whatever the difference is, so it is a look of this test, too.
 */
function noteBetter(test: AdvanceTest, state: AdvanceState, data: AdvanceState): void {
  if (test.claims !== true) return
  const { onlyCandidate, onlyBaseline } = data.table
  state.betterP =
    test.engine === 'tango'
      ? mcnemarOneSided({ onlyCandidate: onlyBaseline, onlyBaseline: onlyCandidate }).midP
      : normalCdf(nonInferiorityZ(test, data, 0))
}

/** z at a look; with carried pairs by inverse variance: each score is the difference from the margin over its error, so information weighs the squares. */
function statisticOf(
  test: AdvanceTest,
  state: AdvanceState,
  carried: AdvanceState | null,
  margin: number,
  frozen: Frozen | null,
): number {
  const alone = nonInferiorityZ(test, state, margin)
  if (carried === null) return alone
  const [own, fromShadow] = [information(test, state, frozen), information(test, carried, frozen)]
  const together = Math.sqrt(own) * alone + Math.sqrt(fromShadow) * nonInferiorityZ(test, carried, margin)
  return together / Math.sqrt(own + fromShadow)
}

/** All looks spent without a pass. */
export function looksExhausted(state: AdvanceState, plan: AnalysisPlan): boolean {
  return !state.passed && state.statistics.length >= plan.looks.length
}

/** z of H0: Δ ≥ margin; small means acceptable. */
function nonInferiorityZ(test: AdvanceTest, state: AdvanceState, margin: number): number {
  if (test.engine === 'tango') return tangoZ(state.table, margin)
  const rules = rulesOf(state)
  return rules === null ? farringtonManning({ ...armsOf(state), difference: margin }).z : stratifiedScore(rules, margin)
}

function tangoZ(table: PairTable, difference: number): number {
  const { onlyCandidate, onlyBaseline } = table
  return tangoScore({ onlyCandidate, onlyBaseline, n: sizeOf(table), difference })
}

/** Units entered so far: pairs, or units of the candidate. */
export function unitsEntered(test: AdvanceTest, state: AdvanceState): number {
  if (test.engine === 'paired_mean') return state.amounts?.n ?? 0
  return test.engine === 'tango' ? paired(state).n : state.units.candidate
}

/**
 * Units that the first look needs at the rates seen so far; at least the forecast when nothing has been seen. Carried pairs spare what they know, but for the
 * fewest units of its own.
 */
export function unitsRequired(
  test: AdvanceTest,
  state: AdvanceState,
  frozen: Frozen | null,
  { unitsMin }: Pick<AnalysisPlan, 'unitsMin'>,
): number {
  if (test.engine === 'paired_mean') return amountPairsRequired(test, state, frozen)
  const entered = unitsEntered(test, state)
  const known = information(test, state, frozen)
  if (entered === 0 || known === 0) return test.requiredUnits
  const { carried } = state
  if (carried == null || carried.refused) return Math.ceil((entered * test.informationFixed) / known)
  const fromShadow = information(test, { ...createAdvanceState(), table: carried.table }, frozen)
  return Math.max(unitsMin, Math.ceil((entered * (test.informationFixed - fromShadow)) / known))
}
