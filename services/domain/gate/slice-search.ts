import type { Evidence } from '../events/records.ts'
import type { OutcomePair } from './advance-amounts.ts'
import type { AnalysisPlan, SliceSearchPlan } from './plan.ts'
import { type Attribute, type SearchedSlice, searchLimits } from './searched-slice.ts'
import { chooseSlices } from './slice-choice.ts'

/**
 * The search for slices that get worse, over the stages of one wave. Its first pairs choose the slices by their attributes alone; those pairs count as
 * well, since their outcomes had no part in the choice. Afterwards a pair is counted in each slice that it belongs to. Bounded by `searchLimits`.
 */
export interface SliceSearch {
  /** Pairs looked at until the slices were chosen. */
  pairs: number
  /** Attributes as JSON → their pairs and tables, until the slices are chosen. */
  readonly waiting: Map<string, Waiting>
  slices: readonly SearchedSlice[] | null
  /** A table per slice and question, all traffic before the slices; see `tableOf`. */
  counts: number[]
  /** How a pair finds its slices; made from them. */
  lookup: Lookup | null
  /** What its questions are called in a journal, in their order; see `searchNames`. */
  readonly names: Readonly<Record<SearchPhase, readonly string[]>>
}

interface Waiting {
  readonly attributes: readonly Attribute[]
  pairs: number
  readonly counts: number[]
}

interface Lookup {
  readonly keys: readonly {
    readonly key: string
    readonly values: ReadonlyMap<string, number>
    readonly rest: number | null
  }[]
  /** First single × slices + second single → their cross. */
  readonly crosses: ReadonlyMap<number, number>
}

/** Pairs of one question by outcome. */
export interface PairTable {
  readonly both: number
  readonly onlyCandidate: number
  readonly onlyBaseline: number
  readonly neither: number
}

/** neither, only baseline, only candidate, both. */
const cells = 4

function createSliceSearch(plan: SliceSearchPlan): SliceSearch {
  const counts = zeros(plan.questions.length * cells)
  return { pairs: 0, waiting: new Map(), slices: null, counts, lookup: null, names: searchNames(plan) }
}

/** `early`: counted by its attributes as a whole, before the slices were chosen. */
type SearchPhase = 'early' | 'late'

/** How questions that took a pair are called beside tests, so that a correction finds what counted; see `correctSearches`. */
function searchNames({ questions }: SliceSearchPlan): SliceSearch['names'] {
  const of = (phase: SearchPhase) => questions.map(({ metric }) => `search/${phase}/${metric}`)
  return { early: of('early'), late: of('late') }
}

/** The metric of a question of a search by its name; null for a test. */
export function searchedMetric(name: string): string | null {
  return name.startsWith('search/') ? name.slice(name.lastIndexOf('/') + 1) : null
}

/**
 * Adds one pair that counts for its unit to the search of its wave; of a sequence, the searches of waves before the last are forgotten.
 * @returns the questions that took it
 */
export function addToSearches(
  searches: Map<string, SliceSearch>,
  plan: AnalysisPlan,
  evidence: Evidence,
): readonly string[] {
  const { wave } = evidence.place
  if (plan.search === null || evidence.horizon_ms !== plan.legTimeoutMs) return []
  let search = searches.get(wave)
  if (search === undefined) {
    search = createSliceSearch(plan.search)
    searches.set(wave, search)
    const kept = Math.max(searchLimits.wavesMax, plan.wavesTogether ?? 1)
    for (const old of [...searches.keys()].slice(0, -kept)) searches.delete(old)
  }
  return addSearchedPair(search, plan.search, evidence)
}

/** A pair that a search has counted, with one question's outcomes before and after its correction. */
interface CorrectedCount {
  readonly name: string
  readonly from: OutcomePair
  readonly to: OutcomePair
}

/**
 * Moves a corrected pair from cell to cell in every table that counts it: all traffic and each of its slices, or before the choice those of its attributes.
 * A version differs in outcomes alone, its attributes are its request's. Nothing is changed, and false said, when it is not where its attributes say.
 */
export function correctSearches(
  searches: ReadonlyMap<string, SliceSearch>,
  plan: AnalysisPlan,
  evidence: Evidence,
  corrected: readonly CorrectedCount[],
): boolean {
  const search = searches.get(evidence.place.wave)
  // The search of a wave that is over has been forgotten with all that it counted.
  if (plan.search === null || search === undefined) return true
  const { questions } = plan.search
  const moves: { readonly counts: number[]; readonly from: number; readonly to: number }[] = []
  for (const { name, from, to } of corrected) {
    const metric = searchedMetric(name)
    const question = questions.findIndex((one) => one.metric === metric && one.comparison === evidence.comparison)
    const counted = countedIn(search, plan.search, evidence, name.startsWith('search/early/'))
    if (counted === null || question === -1) return false
    for (const table of counted.tables) {
      const at = (table * questions.length + question) * cells
      moves.push({ counts: counted.counts, from: at + outcomeCell(from), to: at + outcomeCell(to) })
    }
  }
  if (moves.some(({ counts, from }) => (counts[from] ?? 0) < 1)) return false
  for (const { counts, from, to } of moves) {
    counts[from] = (counts[from] ?? 0) - 1
    counts[to] = (counts[to] ?? 0) + 1
  }
  return true
}

/** Where a pair has been counted; null when nothing of its attributes has been. */
function countedIn(
  search: SliceSearch,
  plan: SliceSearchPlan,
  evidence: Evidence,
  early: boolean,
): { readonly counts: number[]; readonly tables: readonly number[] } | null {
  if (search.slices === null || search.lookup === null) {
    const waiting = search.waiting.get(JSON.stringify(attributesOf(evidence, plan.keys)))
    return waiting === undefined ? null : { counts: waiting.counts, tables: [0] }
  }
  const values = early ? new Map(attributesOf(evidence, plan.keys)) : null
  const valueAt = (key: string) => (values === null ? attributeOf(evidence, key) : values.get(key))
  return { counts: search.counts, tables: tablesOf(search.lookup, search.slices.length, valueAt) }
}

function outcomeCell({ baseline, candidate }: OutcomePair): number {
  return baseline + 2 * candidate
}

/** Adds one pair that counts for its unit. A question of another comparison, or without both outcomes, gains nothing from it. */
function addSearchedPair(search: SliceSearch, plan: SliceSearchPlan, evidence: Evidence): readonly string[] {
  if (search.slices === null || search.lookup === null) {
    const waiting = waitingOf(search, plan, evidence)
    waiting.pairs += 1
    search.pairs += 1
    const asked = count(search.names.early, waiting.counts, plan, evidence, [0])
    if (search.pairs >= searchLimits.pairsToChoose) choose(search, plan)
    return asked
  }
  return count(
    search.names.late,
    search.counts,
    plan,
    evidence,
    tablesOf(search.lookup, search.slices.length, (key) => attributeOf(evidence, key)),
  )
}

/** Plain-data form for snapshots; tables as one list. */
export interface SliceSearchData extends Omit<SliceSearch, 'waiting' | 'lookup' | 'names'> {
  readonly waiting: readonly (readonly [string, Waiting])[]
}

export function searchesToData(
  searches: ReadonlyMap<string, SliceSearch>,
): readonly (readonly [string, SliceSearchData])[] {
  return [...searches].map(([wave, { pairs, waiting, slices, counts }]) => [
    wave,
    { pairs, waiting: [...waiting], slices, counts },
  ])
}

export function searchesFromData(
  plan: AnalysisPlan,
  data: readonly (readonly [string, SliceSearchData])[],
): Map<string, SliceSearch> {
  const names = plan.search === null ? { early: [], late: [] } : searchNames(plan.search)
  return new Map(
    data.map(([wave, { pairs, waiting, slices, counts }]) => [
      wave,
      { pairs, waiting: new Map(waiting), slices, counts, lookup: slices === null ? null : lookupOf(slices), names },
    ]),
  )
}

/** Pairs of a question by outcome in one slice, or (null) in all traffic. */
export function tableOf(search: SliceSearch, questions: number, slice: number | null, question: number): PairTable {
  const at = ((slice === null ? 0 : slice + 1) * questions + question) * cells
  const [neither = 0, onlyBaseline = 0, onlyCandidate = 0, both = 0] = search.counts.slice(at, at + cells)
  return { both, onlyCandidate, onlyBaseline, neither }
}

function waitingOf(search: SliceSearch, plan: SliceSearchPlan, evidence: Evidence): Waiting {
  const attributes = attributesOf(evidence, plan.keys)
  const name = JSON.stringify(attributes)
  let waiting = search.waiting.get(name)
  if (waiting === undefined) {
    waiting = { attributes, pairs: 0, counts: zeros(plan.questions.length * cells) }
    search.waiting.set(name, waiting)
  }
  return waiting
}

/** Every attribute that may make a slice, in one order. */
function attributesOf(evidence: Evidence, keys: readonly string[] | null): readonly Attribute[] {
  return [...new Set(['tenant', ...Object.keys(evidence.segments)])]
    .filter((key) => key.length <= searchLimits.charactersMax && (keys === null || keys.includes(key)))
    .sort()
    .slice(0, searchLimits.attributesMax)
    .map((key): Attribute => [key, attributeOf(evidence, key) ?? ''])
}

/** As `isInSlice` reads it: the tenant has a field of its own. */
function attributeOf({ tenant, segments }: Evidence, key: string): string | undefined {
  const value = key === 'tenant' ? tenant : Object.hasOwn(segments, key) ? segments[key] : undefined
  return value?.slice(0, searchLimits.charactersMax)
}

function choose(search: SliceSearch, plan: SliceSearchPlan): void {
  const slices = chooseSlices([...search.waiting.values()], plan.keys)
  const lookup = lookupOf(slices)
  const width = plan.questions.length * cells
  const counts = zeros((slices.length + 1) * width)
  for (const waiting of search.waiting.values()) {
    const values = new Map(waiting.attributes)
    for (const table of tablesOf(lookup, slices.length, (key) => values.get(key)))
      for (const [cell, seen] of waiting.counts.entries())
        counts[table * width + cell] = (counts[table * width + cell] ?? 0) + seen
  }
  search.waiting.clear()
  search.slices = slices
  search.lookup = lookup
  search.counts = counts
}

/** Made again from the slices of a snapshot. */
function lookupOf(slices: readonly SearchedSlice[]): Lookup {
  const keys = new Map<string, { key: string; values: Map<string, number>; rest: number | null }>()
  const crosses = new Map<number, number>()
  const singles = new Map<string, number>()
  for (const [index, { parts }] of slices.entries()) {
    const [first, second] = parts
    if (first === undefined) continue
    if (second === undefined) {
      const own = keys.get(first.key) ?? { key: first.key, values: new Map<string, number>(), rest: null }
      keys.set(first.key, own)
      if (first.value === null) own.rest = index
      else own.values.set(first.value, index)
      singles.set(JSON.stringify(first), index)
      continue
    }
    // Singles stand before crosses.
    const [a, b] = [singles.get(JSON.stringify(first)) ?? 0, singles.get(JSON.stringify(second)) ?? 0]
    crosses.set(Math.min(a, b) * slices.length + Math.max(a, b), index)
  }
  return { keys: [...keys.values()], crosses }
}

/** Tables in which a pair counts: 0 for all traffic, then 1 + the index of each of its slices. */
function tablesOf(lookup: Lookup, slices: number, valueAt: (key: string) => string | undefined): number[] {
  const singles: number[] = []
  const tables = [0]
  for (const { key, values, rest } of lookup.keys) {
    const value = valueAt(key)
    if (value === undefined) continue
    const own = values.get(value)
    if (own !== undefined) singles.push(own)
    const table = own ?? rest
    if (table !== null) tables.push(table + 1)
  }
  for (const [at, a] of singles.entries()) {
    for (let other = at + 1; other < singles.length; other += 1) {
      const b = singles[other] ?? 0
      const cross = lookup.crosses.get(Math.min(a, b) * slices + Math.max(a, b))
      if (cross !== undefined) tables.push(cross + 1)
    }
  }
  return tables
}

/** @returns the names of the questions that took the pair */
function count(
  names: readonly string[],
  counts: number[],
  plan: SliceSearchPlan,
  evidence: Evidence,
  tables: readonly number[],
): readonly string[] {
  const asked: string[] = []
  for (const [question, { metric, comparison }] of plan.questions.entries()) {
    if (comparison !== evidence.comparison) continue
    const value = evidence.metrics.find(({ name }) => name === metric)
    if (value?.baseline == null || value.candidate === null) continue
    asked.push(names[question] ?? metric)
    const cell = outcomeCell({ baseline: value.baseline, candidate: value.candidate })
    for (const table of tables) {
      const at = (table * plan.questions.length + question) * cells + cell
      counts[at] = (counts[at] ?? 0) + 1
    }
  }
  return asked
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0)
}
