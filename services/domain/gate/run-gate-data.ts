import type { AdvanceState } from './advance-state.ts'
import type { Approval } from './approval-guard.ts'
import type { Calibration } from './calibration.ts'
import type { Completeness } from './completeness.ts'
import type { AppliedCorrection } from './corrections.ts'
import type { HarmState } from './harm-state.ts'
import type { HourCounts } from './hourly-discordance.ts'
import type { NoiseFloorData } from './noise-floor.ts'
import { journalFromData, journalToData, type PairJournalData } from './pair-journal.ts'
import type { AnalysisPlan } from './plan.ts'
import { type Breach, createRunGate, type RunGate, type RunGateLimits } from './run-gate.ts'
import { type SliceSearchData, searchesFromData, searchesToData } from './slice-search.ts'
import type { SplitWatch } from './split-watch.ts'
import { ledgerFromData, ledgerToData, type UnitLedgerData } from './unit-ledger.ts'

/** Raised whenever the state changes its shape: a snapshot of another shape is not read, the evidence is. */
const formatVersion = 12

/** A gate's state as plain JSON, without the records that still wait: those are read again from the log. */
export interface RunGateData {
  readonly format: typeof formatVersion
  readonly planHash: string
  readonly ledger: UnitLedgerData
  readonly calibration: Calibration
  readonly harm: readonly (readonly [string, HarmState])[]
  readonly advance: readonly (readonly [string, AdvanceState])[]
  readonly completeness: readonly (readonly [string, Completeness])[]
  readonly splits: readonly (readonly [string, SplitWatch])[]
  readonly hours: readonly (readonly [string, HourCounts[]])[]
  readonly searches: readonly (readonly [string, SliceSearchData])[]
  readonly approvals: readonly Approval[]
  readonly breaches: readonly Breach[]
  readonly journals: readonly (readonly [string, PairJournalData])[]
  readonly corrections: readonly AppliedCorrection[]
  readonly noise: NoiseFloorData
  readonly counts: RunGate['counts']
  readonly enteredThroughMs: number
}

export function runGateToData(gate: RunGate): RunGateData {
  return {
    format: formatVersion,
    planHash: gate.plan.hash,
    ledger: ledgerToData(gate.ledger),
    calibration: gate.calibration,
    harm: [...gate.harm],
    advance: [...gate.advance],
    completeness: [...gate.completeness],
    splits: [...gate.splits],
    hours: [...gate.hours],
    searches: searchesToData(gate.searches),
    approvals: gate.approvals,
    breaches: gate.breaches,
    journals: [...gate.journals].map(([name, journal]) => [name, journalToData(journal)] as const),
    corrections: gate.corrections,
    noise: { ...gate.noise, waiting: [...gate.noise.waiting] },
    counts: gate.counts,
    enteredThroughMs: gate.enteredThroughMs,
  }
}

/** The gate that a snapshot describes; null when it was made for another plan or in another shape. */
export function runGateFromData(
  run: string,
  plan: AnalysisPlan,
  limits: RunGateLimits,
  data: RunGateData,
): RunGate | null {
  if (data.format !== formatVersion || data.planHash !== plan.hash) return null
  const fresh = createRunGate(run, plan, limits)
  return {
    ...fresh,
    ledger: ledgerFromData(data.ledger, { limit: limits.unitsMax, stickyKeysMax: plan.stickyKeysMin }),
    calibration: data.calibration,
    harm: new Map(data.harm),
    advance: new Map(data.advance),
    completeness: new Map(data.completeness),
    splits: new Map(data.splits),
    hours: new Map(data.hours),
    searches: searchesFromData(plan, data.searches),
    approvals: [...data.approvals],
    breaches: [...data.breaches],
    journals: new Map(data.journals.map(([name, journal]) => [name, journalFromData(journal)])),
    corrections: [...data.corrections],
    noise: { ...data.noise, waiting: new Map(data.noise.waiting) },
    counts: { ...data.counts },
    enteredThroughMs: data.enteredThroughMs,
  }
}
