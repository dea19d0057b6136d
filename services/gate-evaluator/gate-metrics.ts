import type { GateCounts, RunGateLimits } from '../domain/gate/run-gate.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import type { Evaluator } from './evaluator.ts'

/** Every number the gate shows about itself. */
export interface GateMetrics {
  beat(sent: boolean): void
  forgot(records: number): void
  /** A breach was seen in evidence that could be entered from `releaseMs` on, and its latch is on its way. */
  breached(releaseMs: number): void
  /** The latch is acknowledged, so many seconds after it was handed to the producer. */
  latched(seconds: number): void
  show(evaluator: Evaluator, readThroughMs: number): void
}

const outcomes = {
  entered: 'entered',
  late: 'late',
  duplicate: 'duplicate',
  corrected: 'corrected',
  uncorrectable: 'uncorrectable',
  unusable: 'unusable',
  refused: 'refused',
  unitsDropped: 'units_dropped',
} as const satisfies Record<keyof GateCounts, string>

export function createGateMetrics(metrics: Metrics, clock: Clock, limits: RunGateLimits): GateMetrics {
  const beats = metrics.counter('penstock_gate_heartbeats_total', 'Heartbeats sent, and withheld while blind', ['sent'])
  const forgotten = metrics.counter(
    'penstock_gate_forgotten_records_total',
    'Records of runs whose own record was never read, given up for lack of room',
  )
  const toLatch = metrics.histogram(
    'penstock_gate_breach_to_latch_seconds',
    'From the moment from which the deciding evidence could be entered to the latch on its way',
    [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30],
  )
  const writing = metrics.histogram(
    'penstock_gate_latch_write_seconds',
    'From handing a latch to the producer to its acknowledgement',
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10],
  )
  const byRun = createRunGauges(metrics)
  const early = metrics.gauge('penstock_gate_early_records', 'Records kept of runs whose own record is not read yet')
  const behind = metrics.gauge(
    'penstock_gate_frontier_behind_seconds',
    'Age of the frontier up to which evidence enters',
  )
  const blind = metrics.gauge(
    'penstock_gate_blind',
    '1 while the gate may not vouch for anything and sends no heartbeat',
  )
  metrics.gauge('penstock_gate_waiting_limit', 'Records that may wait for the frontier, by run').set(limits.waitingMax)
  metrics
    .gauge('penstock_gate_unit_entries_limit', 'Entries that the ledger of units may hold, by run')
    .set(limits.unitsMax)
  return {
    beat: (sent) => beats.add(1, { sent: String(sent) }),
    forgot: (records) => forgotten.add(records),
    breached: (releaseMs) => toLatch.observe(Math.max(0, clock.nowMs() - releaseMs) / 1_000),
    latched: (seconds) => writing.observe(seconds),
    show(evaluator, readThroughMs) {
      byRun.show(evaluator.runs)
      early.set(evaluator.earlyRecords())
      blind.set(evaluator.blindness() === null ? 0 : 1)
      // Before the first report of every partition there is no frontier whose age could be told.
      if (readThroughMs > 0) behind.set(Math.max(0, clock.nowMs() - readThroughMs) / 1_000)
    },
  }
}

/** Labels of a run go with the run: otherwise they would add up for ever. */
function createRunGauges(metrics: Metrics): { show(runs: Evaluator['runs']): void } {
  const records = metrics.gauge('penstock_gate_records', 'What became of the evidence of a run', ['run', 'outcome'])
  const waiting = metrics.gauge('penstock_gate_waiting_records', 'Records that wait for the frontier', ['run'])
  const units = metrics.gauge('penstock_gate_unit_entries', 'Entries in the ledger of units', ['run'])
  const latches = metrics.gauge('penstock_gate_breaches', 'Breaches that tests of a run have seen', ['run'])
  const shown = new Set<string>()
  return {
    show(runs) {
      for (const [run, { gate }] of runs) {
        shown.add(run)
        for (const [name, outcome] of Object.entries(outcomes))
          records.set(gate.counts[name as keyof GateCounts], { run, outcome })
        waiting.set(gate.queue.heap.length, { run })
        units.set(gate.ledger.entries, { run })
        latches.set(gate.breaches.length, { run })
      }
      for (const run of shown) {
        if (runs.has(run)) continue
        shown.delete(run)
        for (const outcome of Object.values(outcomes)) records.remove({ run, outcome })
        for (const gauge of [waiting, units, latches]) gauge.remove({ run })
      }
    },
  }
}
