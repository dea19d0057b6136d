import type { Arm, Evidence } from '../events/records.ts'

/**
 * Which units have been seen, in frontier order. Pairs: how many of a unit's pairs have passed in each stream, so that exactly one,
 * chosen beforehand, enters. Singles: a unit's arm at its first exposure in a stratum, and in which streams and for which events it was counted.
 */
export interface UnitLedger {
  readonly limit: number
  entries: number
  /** Stream → unit → pairs passed. */
  readonly pairs: Map<string, Map<string, number>>
  /** Stratum → unit → arm at first exposure. Only the latest strata are kept: a unit that comes back much later is not looked up again. */
  readonly exposures: Map<string, Map<string, Arm>>
  /** `stratum|what` → units already counted for it. */
  readonly counted: Map<string, Set<string>>
  /** Distinct sticky keys seen, up to the number that matters. */
  readonly stickyKeys: Set<string>
  readonly stickyKeysMax: number
}

/** Strata kept at a time: routers change over within seconds of each other, so more than two are never filled at once. */
const strataMax = 4
const unitKeyLength = 16

export function createUnitLedger(options: { readonly limit: number; readonly stickyKeysMax: number }): UnitLedger {
  return {
    limit: options.limit,
    entries: 0,
    pairs: new Map(),
    exposures: new Map(),
    counted: new Map(),
    stickyKeys: new Set(),
    stickyKeysMax: options.stickyKeysMax,
  }
}

export function isFull(ledger: UnitLedger): boolean {
  return ledger.entries >= ledger.limit
}

/** (wave, stage entry, rule, weight): within it the share of the candidate is constant. */
export function stratumOf(evidence: Evidence): string {
  const place = evidence.place
  return `${place.wave}/${place.stage_entry}/${place.rule}/${place.candidate_weight}`
}

export function noteStickyKey(ledger: UnitLedger, assignmentUnit: string): void {
  if (ledger.stickyKeys.size < ledger.stickyKeysMax) ledger.stickyKeys.add(unitKey(assignmentUnit))
}

/** Counts one more pair of the unit in the stream and returns its position, from 1; null at the ledger's limit. */
export function nextPairOf(ledger: UnitLedger, stream: string, unit: string): number | null {
  const units = mapOf(ledger.pairs, stream)
  const key = unitKey(unit)
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
 * Books an exposure and returns the arm that counts for this unit in this stratum; null when the stratum is no longer kept or the ledger is full.
 * A unit seen in the other arm keeps the arm of its first exposure, and the caller leaves the record out.
 */
export function exposedArm(ledger: UnitLedger, stratum: string, unit: string, arm: Arm): Arm | null {
  const units = stratumMap(ledger, stratum)
  const key = unitKey(unit)
  const first = units.get(key)
  if (first !== undefined) return first
  if (isFull(ledger)) return null
  ledger.entries += 1
  units.set(key, arm)
  return arm
}

/** True the first time this is asked for (stratum, what, unit). */
export function countOnce(ledger: UnitLedger, stratum: string, what: string, unit: string): boolean {
  const id = `${stratum}|${what}`
  let units = ledger.counted.get(id)
  if (units === undefined) {
    units = new Set()
    ledger.counted.set(id, units)
  }
  const key = unitKey(unit)
  if (units.has(key) || isFull(ledger)) return false
  ledger.entries += 1
  units.add(key)
  return true
}

function stratumMap(ledger: UnitLedger, stratum: string): Map<string, Arm> {
  const known = ledger.exposures.get(stratum)
  if (known !== undefined) return known
  for (const oldest of ledger.exposures.keys()) {
    if (ledger.exposures.size < strataMax) break
    forgetStratum(ledger, oldest)
  }
  return mapOf(ledger.exposures, stratum)
}

function forgetStratum(ledger: UnitLedger, stratum: string): void {
  ledger.entries -= ledger.exposures.get(stratum)?.size ?? 0
  ledger.exposures.delete(stratum)
  for (const [id, units] of ledger.counted) {
    if (!id.startsWith(`${stratum}|`)) continue
    ledger.entries -= units.size
    ledger.counted.delete(id)
  }
}

/** Units are keyed hashes already; the first 64 bits tell them apart among millions. */
function unitKey(unit: string): string {
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

/** Plain-data form for snapshots. */
export interface UnitLedgerData {
  readonly pairs: readonly (readonly [string, readonly (readonly [string, number])[]])[]
  readonly exposures: readonly (readonly [string, readonly (readonly [string, Arm])[]])[]
  readonly counted: readonly (readonly [string, readonly string[]])[]
  readonly stickyKeys: readonly string[]
}

export function ledgerToData(ledger: UnitLedger): UnitLedgerData {
  return {
    pairs: [...ledger.pairs].map(([stream, units]) => [stream, [...units]] as const),
    exposures: [...ledger.exposures].map(([stratum, units]) => [stratum, [...units]] as const),
    counted: [...ledger.counted].map(([id, units]) => [id, [...units]] as const),
    stickyKeys: [...ledger.stickyKeys],
  }
}

export function ledgerFromData(
  data: UnitLedgerData,
  options: { readonly limit: number; readonly stickyKeysMax: number },
): UnitLedger {
  const ledger = createUnitLedger(options)
  for (const [stream, units] of data.pairs) {
    ledger.pairs.set(stream, new Map(units))
    ledger.entries += units.length
  }
  for (const [stratum, units] of data.exposures) {
    ledger.exposures.set(stratum, new Map(units))
    ledger.entries += units.length
  }
  for (const [id, units] of data.counted) {
    ledger.counted.set(id, new Set(units))
    ledger.entries += units.length
  }
  for (const key of data.stickyKeys) ledger.stickyKeys.add(key)
  return ledger
}
