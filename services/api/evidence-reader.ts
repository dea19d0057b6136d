import type { Evidence, MetricValue, Resolution } from '../domain/events/records.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { Api } from './api-types.ts'
import { askStore } from './ask-store.ts'

export interface EvidenceQuery {
  readonly partition: number
  /** First offset wanted. */
  readonly from: number
  readonly limit: number
}

/** Evidence of a run in the order of its log, from the store. */
export interface EvidenceReader {
  /** One page; `next` is where the following one begins, null after the last. Throws ApiProblem NO_STORE and STORE_AWAY (503). */
  page(run: string, query: EvidenceQuery): Promise<Api['EvidencePage']>
}

interface Row extends Omit<Evidence, 'place' | 'arm' | 'baseline_resolution' | 'candidate_resolution' | 'metrics'> {
  readonly run: string
  readonly wave: string
  readonly stage: string
  readonly stage_entry: number
  readonly epoch: number
  readonly rule: string
  readonly candidate_weight: number
  readonly arm: string
  readonly baseline_resolution: string
  readonly candidate_resolution: string
  readonly arrived_ms: number | string
  readonly offset: number | string
  readonly baseline_metrics: Readonly<Record<string, number>>
  readonly candidate_metrics: Readonly<Record<string, number>>
}

/**
 * Repetitions are told apart by their offsets until the table's parts merge: a reader knows them by their id, as a gate does. The run stands first in
 * the table's order, so that no other run is read.
 */
const sql = `SELECT id, version, exchange_id, run, wave, stage, stage_entry, epoch, rule, candidate_weight, comparison, source, horizon_ms,
    toUnixTimestamp64Milli(arrived_at) AS arrived_ms, arm, baseline_resolution, candidate_resolution, unit, assignment_unit, turn, tenant, segments,
    inclusion_p, baseline_metrics, candidate_metrics, late, log_offset AS offset
  FROM evidence
  WHERE run = {run:String} AND log_partition = {partition:UInt16} AND log_offset >= {from:UInt64}
  ORDER BY log_offset LIMIT {limit:UInt32}`

export function createEvidenceReader(store: ClickHouseStore | null): EvidenceReader {
  return {
    async page(run, { partition, from, limit }) {
      const rows = await askStore<Row>(store, sql, { run, partition, from, limit })
      const last = rows.at(-1)
      return {
        evidence: rows.map((row) => ({ ...evidenceOf(row) })),
        next: last === undefined || rows.length < limit ? null : Number(last.offset) + 1,
      }
    },
  }
}

function evidenceOf(row: Row): Evidence {
  const { run, wave, stage, stage_entry, rule, candidate_weight } = row
  return {
    id: row.id,
    version: row.version,
    place: { run, wave, stage_entry, stage, epoch: Number(row.epoch), rule, candidate_weight },
    exchange_id: row.exchange_id,
    comparison: row.comparison,
    source: row.source,
    horizon_ms: row.horizon_ms,
    arrived_at: Number(row.arrived_ms),
    arm: (row.arm === '' ? null : row.arm) as Evidence['arm'],
    baseline_resolution: resolutionOf(row.baseline_resolution),
    candidate_resolution: resolutionOf(row.candidate_resolution),
    unit: row.unit,
    assignment_unit: row.assignment_unit,
    turn: row.turn,
    tenant: row.tenant,
    segments: row.segments,
    inclusion_p: row.inclusion_p,
    metrics: metricsOf(row),
    late: row.late,
  }
}

/** The store writes a leg that was never heard of as an empty text. */
function resolutionOf(text: string): Resolution | null {
  return text === '' ? null : (text as Resolution)
}

function metricsOf({ baseline_metrics: baseline, candidate_metrics: candidate }: Row): readonly MetricValue[] {
  return [...new Set([...Object.keys(baseline), ...Object.keys(candidate)])].map((name) => ({
    name,
    baseline: baseline[name] ?? null,
    candidate: candidate[name] ?? null,
  }))
}
