import type { Comparison } from '../events/records.ts'
import { logMixedBetaBinomialE, tunedPrior } from '../stats/beta-binomial-e.ts'
import { eBenjaminiHochberg } from '../stats/multiplicity/e-benjamini-hochberg.ts'
import { shrinkSlices } from '../stats/slices/empirical-bayes.ts'
import { sliceContrast } from '../stats/slices/slice-contrast.ts'
import { normalSf } from '../stats/special-functions/normal.ts'
import { marginValue } from './margin-value.ts'
import type { Frozen, SliceSearchPlan } from './plan.ts'
import type { RunGate } from './run-gate.ts'
import { type SearchedSlice, searchLimits } from './searched-slice.ts'
import { percent, points } from './sentence-parts.ts'
import { type PairTable, type SliceSearch, tableOf } from './slice-search.ts'

/** A slice that the search proves worse. It proposes: it neither holds a stage nor rolls it back. */
export interface SliceFinding {
  readonly metric: string
  readonly comparison: Comparison
  /** Conditions that all hold; value null: all values of the key that were too rare to be slices of their own. */
  readonly slice: SearchedSlice['parts']
  /** Pairs, one a unit. */
  readonly n: number
  readonly baselineValue: number
  readonly candidateValue: number
  /** Candidate − baseline as counted in the slice; the same shrunk towards the mean of all slices; and in all other traffic. */
  readonly difference: number
  readonly shrunkDifference: number
  readonly elsewhereDifference: number | null
  /** P(shrunk difference > margin). */
  readonly beyondMarginP: number
  readonly margin: number
  /** One-sided p of "worse here than elsewhere"; specific below 5 %. */
  readonly specificP: number
  readonly eValue: number
  /** One plain sentence with the numbers above. */
  readonly sentence: string
}

/** Worse than its surroundings below this one-sided p; only slices that e-BH has found are asked. */
const specificBelow = 0.05

interface Candidate {
  readonly slice: number
  readonly question: number
  readonly table: PairTable
  readonly logE: number
}

/** What the search of a wave has found by now. */
export function searchFindings({ plan, searches, calibration }: RunGate, wave: string): readonly SliceFinding[] {
  const search = searches.get(wave)
  if (search === undefined || plan.search === null) return []
  return findingsOf(search, plan.search, calibration.frozen, plan.unitsMin)
}

/**
 * Slices found at this moment, the likeliest beyond its margin first, at most `findingsMax`: e-BH over all slices × questions (valid at every look, under any
 * dependence), then of nested ones the largest that explains, then the slice's own difference at least half the margin.
 */
function findingsOf(
  search: SliceSearch,
  plan: SliceSearchPlan,
  frozen: Frozen | null,
  unitsMin: number,
): readonly SliceFinding[] {
  if (search.slices === null) return []
  const found = plan.questions.flatMap((_, question) => foundOf(search, plan, question, unitsMin))
  const hypotheses = search.slices.length * plan.questions.length
  // Those without evidence count as hypotheses, but can never be rejected.
  const e = new Array<number>(hypotheses).fill(0)
  for (const [index, { logE }] of found.entries()) e[index] = Math.exp(Math.min(logE, 700))
  const rejected = eBenjaminiHochberg(e, plan.falseDiscoveryRate).flatMap((index) => found[index] ?? [])
  const findings = plan.questions.flatMap((question, index) => {
    const margin = marginValue(question, frozen)
    if (margin === null) return []
    const explains = explaining(
      search,
      plan,
      index,
      rejected.filter((one) => one.question === index),
    )
    const large = explains.filter(({ table }) => differenceOf(table) >= margin / 2)
    return large.length === 0 ? [] : described(search, plan, index, margin, unitsMin, large)
  })
  findings.sort((a, b) => b.beyondMarginP - a.beyondMarginP || b.shrunkDifference - a.shrunkDifference)
  return findings.slice(0, searchLimits.findingsMax)
}

/** Slices whose e-value might be rejected at all: enough pairs, more harm than help, and a likelihood ratio that an e-value of 1/q cannot exceed. */
function foundOf(search: SliceSearch, plan: SliceSearchPlan, question: number, unitsMin: number): Candidate[] {
  const needed = Math.max(searchLimits.pairsMin, unitsMin)
  return (search.slices ?? []).flatMap((_, slice): readonly Candidate[] => {
    const table = tableOf(search, plan.questions.length, slice, question)
    if (pairsOf(table) < needed) return []
    const logE = logEOf(table, plan)
    return logE === null ? [] : [{ slice, question, table, logE }]
  })
}

/** ln E of H0: no more pairs in which only the candidate fails than only the baseline. Null below 1/q, from where on nothing is rejected. */
function logEOf({ onlyCandidate, onlyBaseline }: PairTable, plan: SliceSearchPlan): number | null {
  const least = -Math.log(plan.falseDiscoveryRate)
  const discordant = onlyCandidate + onlyBaseline
  if (onlyCandidate <= onlyBaseline) return null
  const largest = likelihood(onlyCandidate, discordant) + likelihood(onlyBaseline, discordant)
  if (largest < least) return null
  const tuned = tunedPrior({ discordant: plan.tunedForDiscordant, alpha: plan.tunedForAlpha })
  const logE = logMixedBetaBinomialE({ events: onlyCandidate, others: onlyBaseline, nullShare: 0.5, tuned })
  return logE < least ? null : logE
}

function likelihood(count: number, discordant: number): number {
  return count === 0 ? 0 : count * Math.log((2 * count) / discordant)
}

/**
 * Of nested findings the largest that explains: one inside another is left out unless it is worse than the rest of that other, and the other is left out when
 * that rest is no longer worse at all. All traffic, once it is proven worse itself, explains every slice that is not worse than elsewhere.
 */
function explaining(search: SliceSearch, plan: SliceSearchPlan, question: number, found: readonly Candidate[]) {
  const all = tableOf(search, plan.questions.length, null, question)
  const everywhere = logEOf(all, plan) !== null
  const holds = ({ slice }: Candidate, outer: Candidate) =>
    search.slices?.[slice]?.within.includes(outer.slice) === true
  // Of many parts of one slice some look worse than its rest by chance alone.
  const level = specificBelow / Math.max(1, found.length)
  const kept = found.filter(
    (inner) =>
      !(everywhere && contrast(inner.table, all).pWorse >= level) &&
      found.every((outer) => !holds(inner, outer) || contrast(inner.table, outer.table).pWorse < level),
  )
  return kept.filter((outer) =>
    kept.every((inner) => !holds(inner, outer) || pWorse(without(outer.table, inner.table)) < specificBelow),
  )
}

function described(
  search: SliceSearch,
  plan: SliceSearchPlan,
  question: number,
  margin: number,
  unitsMin: number,
  found: readonly Candidate[],
): SliceFinding[] {
  const asked = plan.questions[question]
  const all = tableOf(search, plan.questions.length, null, question)
  const tables = (search.slices ?? []).map((_, slice) => tableOf(search, plan.questions.length, slice, question))
  const sized = tables.flatMap((table, slice) =>
    pairsOf(table) < Math.max(searchLimits.pairsMin, unitsMin) ? [] : [slice],
  )
  const effects = sized.map((slice) => differenceOf(tables[slice] ?? all))
  const errors = sized.map((slice) => errorOf(tables[slice] ?? all))
  const { shrunk, exceeds } = shrinkSlices({ effects, errors }, margin)
  return found.flatMap(({ slice, table, logE }): readonly SliceFinding[] => {
    const at = sized.indexOf(slice)
    const parts = search.slices?.[slice]?.parts
    if (asked === undefined || parts === undefined) return []
    const n = pairsOf(table)
    const rest = without(all, table)
    const numbers = {
      metric: asked.metric,
      comparison: asked.comparison,
      slice: parts,
      n,
      baselineValue: (table.both + table.onlyBaseline) / n,
      candidateValue: (table.both + table.onlyCandidate) / n,
      difference: differenceOf(table),
      shrunkDifference: shrunk[at] ?? 0,
      elsewhereDifference: pairsOf(rest) === 0 ? null : differenceOf(rest),
      beyondMarginP: exceeds?.[at] ?? 0,
      margin,
      specificP: contrast(table, all).pWorse,
      eValue: Math.exp(Math.min(logE, 700)),
    }
    return [{ ...numbers, sentence: sentenceOf(numbers) }]
  })
}

function sentenceOf(finding: Omit<SliceFinding, 'sentence'>): string {
  const { metric, comparison, slice, n, candidateValue, baselineValue, elsewhereDifference, specificP } = finding
  const where = slice.map(({ key, value }) => `${key} = ${value ?? 'any other'}`).join(' and ')
  const rates = `candidate ${percent(candidateValue)}, baseline ${percent(baselineValue)}, ${n} units`
  const specific = specificP < specificBelow ? ', so it is specific to them' : ''
  const elsewhere = elsewhereDifference === null ? '' : `, elsewhere by ${points(elsewhereDifference)}${specific}`
  const shrunk = `shrunk towards all slices ${points(finding.shrunkDifference)}, margin ${points(finding.margin)}`
  return `${metric} on ${comparison} is worse by ${points(finding.difference)} where ${where} (${rates})${elsewhere}; ${shrunk}`
}

function pairsOf({ both, onlyCandidate, onlyBaseline, neither }: PairTable): number {
  return both + onlyCandidate + onlyBaseline + neither
}

function differenceOf(table: PairTable): number {
  return (table.onlyCandidate - table.onlyBaseline) / pairsOf(table)
}

/** Half a pair more than seen on either side: a slice without discordant pairs is not known to have none (Bonett & Price 2012, halved). */
function errorOf(table: PairTable): number {
  const n = pairsOf(table) + 1
  const [candidate, baseline] = [(table.onlyCandidate + 0.5) / n, (table.onlyBaseline + 0.5) / n]
  return Math.sqrt(Math.max(candidate + baseline - (candidate - baseline) ** 2, 0) / n)
}

/** A slice against what else there is in `outer`. Nothing else at all: no contrast. */
function contrast(inner: PairTable, outer: PairTable): { readonly pWorse: number } {
  const rest = without(outer, inner)
  if (pairsOf(rest) === 0) return { pWorse: 1 }
  return sliceContrast({
    sliceEffect: differenceOf(inner),
    sliceError: errorOf(inner),
    restEffect: differenceOf(rest),
    restError: errorOf(rest),
  })
}

/** Never below 0: one slice may reach a little beyond another that holds it. */
function without(outer: PairTable, inner: PairTable): PairTable {
  return {
    both: Math.max(0, outer.both - inner.both),
    onlyCandidate: Math.max(0, outer.onlyCandidate - inner.onlyCandidate),
    onlyBaseline: Math.max(0, outer.onlyBaseline - inner.onlyBaseline),
    neither: Math.max(0, outer.neither - inner.neither),
  }
}

function pWorse(table: PairTable): number {
  return pairsOf(table) === 0 ? 1 : normalSf(differenceOf(table) / errorOf(table))
}
