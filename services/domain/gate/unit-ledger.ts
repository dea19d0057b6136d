import type { Arm, Evidence, Place } from '../events/records.ts'

/**
 * Which units have been seen, in frontier order. Pairs: how many of a unit's pairs have passed in each stream, so that exactly one, chosen
 * beforehand, enters. Singles: a unit's arm at its first exposure in a stratum, and for which questions it was counted there.
 */
export interface UnitLedger {
  readonly limit: number
  entries: number
  /** Stream → unit → pairs passed. */
  readonly pairs: Map<string, Map<string, number>>
  /** Stratum → unit → bit 0: first exposed in the candidate's arm; the other bits: questions for which it was counted. */
  readonly strata: Map<string, Map<string, number>>
  /** Stratum and horizon → unit → the same bits, for questions that count a unit once an hour; the newest hour alone. */
  readonly hours: Map<string, { readonly hour: number; readonly units: Map<string, number> }>
  /** Wave → newest stage entry: streams and strata of entries before the last are forgotten. */
  readonly entriesOfWaves: Map<string, number>
  /** Distinct sticky keys that were randomised (share of the candidate neither 0 nor 1), up to the number that matters. */
  readonly stickyKeys: Set<string>
  readonly stickyKeysMax: number
}

const unitKeyLength = 16
/** Questions per map: their bits and the arm's must fit into a small integer. */
export const questionsMax = 29

export function createUnitLedger(options: { readonly limit: number; readonly stickyKeysMax: number }): UnitLedger {
  return {
    limit: options.limit,
    entries: 0,
    pairs: new Map(),
    strata: new Map(),
    hours: new Map(),
    entriesOfWaves: new Map(),
    stickyKeys: new Set(),
    stickyKeysMax: options.stickyKeysMax,
  }
}

export function isFull(ledger: UnitLedger): boolean {
  return ledger.entries >= ledger.limit
}

/** Begins every name of what belongs to one stage entry. Names of waves hold no slash. */
export function placePrefix(place: Place): string {
  return `${place.wave}/${place.stage_entry}/`
}

/** (wave, stage entry, rule, weight): within it the share of the candidate is constant. */
export function stratumOf(evidence: Evidence): string {
  return `${placePrefix(evidence.place)}${evidence.place.rule}/${evidence.place.candidate_weight}`
}

/** Books the stage entry, forgets those before its predecessor, and says whether it is new, known, or one of those that are forgotten. */
export function keepsEntry(ledger: UnitLedger, place: Place): 'new' | 'known' | 'forgotten' {
  const newest = ledger.entriesOfWaves.get(place.wave)
  if (newest !== undefined && place.stage_entry <= newest)
    return place.stage_entry >= newest - 1 ? 'known' : 'forgotten'
  ledger.entriesOfWaves.set(place.wave, place.stage_entry)
  for (const maps of [ledger.pairs, ledger.strata]) {
    for (const [name, units] of maps) {
      if (!isForgotten(name, place)) continue
      ledger.entries -= units.size
      maps.delete(name)
    }
  }
  for (const [name, { units }] of ledger.hours) {
    if (!isForgotten(name, place)) continue
    ledger.entries -= units.size
    ledger.hours.delete(name)
  }
  return 'new'
}

function isForgotten(name: string, newest: Place): boolean {
  const [wave, entry] = name.split('/')
  return wave === newest.wave && Number(entry) < newest.stage_entry - 1
}

export function noteStickyKey(ledger: UnitLedger, assignmentUnit: string): void {
  if (ledger.stickyKeys.size < ledger.stickyKeysMax) ledger.stickyKeys.add(unitKey(assignmentUnit))
}

/** Counts one more pair of the unit in the stream and returns its position, from 1; null at the ledger's limit. */
export function nextPairOf(ledger: UnitLedger, stream: string, unit: string): number | null {
  return nextPairIn(ledger, pairUnitsOf(ledger, stream), unitKey(unit))
}

/** The units of a stream of pairs; valid until its stage entry is forgotten. */
export function pairUnitsOf(ledger: UnitLedger, stream: string): Map<string, number> {
  return mapOf(ledger.pairs, stream)
}

/** As `nextPairOf`, of a stream and a unit that have been looked up. */
export function nextPairIn(ledger: UnitLedger, units: Map<string, number>, key: string): number | null {
  const passed = units.get(key)
  if (passed === undefined) {
    if (isFull(ledger)) return null
    ledger.entries += 1
  }
  const position = (passed ?? 0) + 1
  units.set(key, position)
  return position
}

/**
 * Books an exposure. `arm` is the one that counts for this unit in this stratum: that of its first exposure; the caller leaves out records of the other.
 * `isFirst`: this exposure is it. Null when the ledger is full.
 */
export function exposedArm(
  ledger: UnitLedger,
  stratum: string,
  unit: string,
  arm: Arm,
): { readonly arm: Arm; readonly isFirst: boolean } | null {
  const units = mapOf(ledger.strata, stratum)
  const key = unitKey(unit)
  const first = units.get(key)
  if (first !== undefined) return { arm: (first & 1) === 1 ? 'candidate' : 'baseline', isFirst: false }
  if (isFull(ledger)) return null
  ledger.entries += 1
  units.set(key, arm === 'candidate' ? 1 : 0)
  return { arm, isFirst: true }
}

/** True the first time that the question (its bit, from 0) is asked of a unit that is exposed in the stratum; false for none of the plan's. */
export function countOnce(ledger: UnitLedger, stratum: string, question: number | undefined, unit: string): boolean {
  return markOnce(mapOf(ledger.strata, stratum), question, unitKey(unit))
}

/** The same once an hour; false at the ledger's limit. */
export function countOnceAnHour(
  ledger: UnitLedger,
  stream: string,
  hour: number,
  question: number | undefined,
  unit: string,
): boolean {
  let kept = ledger.hours.get(stream)
  if (kept === undefined || kept.hour < hour) {
    ledger.entries -= kept?.units.size ?? 0
    kept = { hour, units: new Map() }
    ledger.hours.set(stream, kept)
  }
  const key = unitKey(unit)
  if (!kept.units.has(key)) {
    if (isFull(ledger)) return false
    ledger.entries += 1
    kept.units.set(key, 0)
  }
  return markOnce(kept.units, question, key)
}

function markOnce(units: Map<string, number>, question: number | undefined, key: string): boolean {
  const bits = units.get(key)
  const bit = 2 << (question ?? 0)
  if (bits === undefined || question === undefined || (bits & bit) !== 0) return false
  units.set(key, bits | bit)
  return true
}

/** Units are keyed hashes already; the first 64 bits tell them apart among millions. */
export function unitKey(unit: string): string {
  return unit.length <= unitKeyLength ? unit : unit.slice(0, unitKeyLength)
}

function mapOf<V>(outer: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let inner = outer.get(key)
  if (inner === undefined) {
    inner = new Map()
    outer.set(key, inner)
  }
  return inner
}

type Numbers = readonly (readonly [string, readonly (readonly [string, number])[]])[]

/** Plain-data form for snapshots. */
export interface UnitLedgerData {
  readonly pairs: Numbers
  readonly strata: Numbers
  readonly hours: readonly (readonly [string, number, readonly (readonly [string, number])[]])[]
  readonly entriesOfWaves: readonly (readonly [string, number])[]
  readonly stickyKeys: readonly string[]
}

export function ledgerToData(ledger: UnitLedger): UnitLedgerData {
  const numbers = (maps: Map<string, Map<string, number>>): Numbers =>
    [...maps].map(([name, units]) => [name, [...units]] as const)
  return {
    pairs: numbers(ledger.pairs),
    strata: numbers(ledger.strata),
    hours: [...ledger.hours].map(([name, { hour, units }]) => [name, hour, [...units]] as const),
    entriesOfWaves: [...ledger.entriesOfWaves],
    stickyKeys: [...ledger.stickyKeys],
  }
}

export function ledgerFromData(
  data: UnitLedgerData,
  options: { readonly limit: number; readonly stickyKeysMax: number },
): UnitLedger {
  const ledger = createUnitLedger(options)
  const fill = (maps: Map<string, Map<string, number>>, numbers: Numbers) => {
    for (const [name, units] of numbers) {
      maps.set(name, new Map(units))
      ledger.entries += units.length
    }
  }
  fill(ledger.pairs, data.pairs)
  fill(ledger.strata, data.strata)
  for (const [name, hour, units] of data.hours) {
    ledger.hours.set(name, { hour, units: new Map(units) })
    ledger.entries += units.length
  }
  for (const [wave, entry] of data.entriesOfWaves) ledger.entriesOfWaves.set(wave, entry)
  for (const key of data.stickyKeys) ledger.stickyKeys.add(key)
  return ledger
}
