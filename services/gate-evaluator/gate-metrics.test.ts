import { expect, test } from 'vitest'
import type { RunGate } from '../domain/gate/run-gate.ts'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import type { Evaluator } from './evaluator.ts'
import { createGateMetrics } from './gate-metrics.ts'

const clock = { nowMs: () => 100_000, monoMs: () => 0 }
const counts = {
  entered: 7,
  late: 6,
  duplicate: 5,
  corrected: 4,
  uncorrectable: 3,
  unusable: 2,
  refused: 1,
  unitsDropped: 8,
}
const gate = { counts, queue: { heap: [1, 2, 3] }, ledger: { entries: 9 }, breaches: [1] } as unknown as RunGate
const seeing = (runs: Evaluator['runs'], blindness: string | null): Evaluator =>
  ({ runs, blindness: () => blindness, earlyRecords: () => 11 }) as unknown as Evaluator

test('a run shows what became of its evidence against its limits, and nothing once it is over', async () => {
  const registry = createPrometheusMetrics()
  const metrics = createGateMetrics(registry, clock, { waitingMax: 50, unitsMax: 60 })
  metrics.show(seeing(new Map([['r', { gate, judged: [] }]]), null), 97_500)
  const text = await registry.text()
  for (const line of [
    'penstock_gate_records{run="r",outcome="late"} 6',
    'penstock_gate_records{run="r",outcome="refused"} 1',
    'penstock_gate_records{run="r",outcome="units_dropped"} 8',
    'penstock_gate_waiting_records{run="r"} 3',
    'penstock_gate_waiting_limit 50',
    'penstock_gate_unit_entries{run="r"} 9',
    'penstock_gate_unit_entries_limit 60',
    'penstock_gate_breaches{run="r"} 1',
    'penstock_gate_early_records 11',
    'penstock_gate_blind 0',
    'penstock_gate_frontier_behind_seconds 2.5',
  ])
    expect(text).toContain(`${line}\n`)

  metrics.show(seeing(new Map(), 'no progress'), 97_500)
  const after = await registry.text()
  expect(after).not.toContain('run="r"')
  expect(after).toContain('penstock_gate_blind 1\n')
})

test('the hop to the latch begins when the deciding evidence could enter, and never ends before it', async () => {
  const registry = createPrometheusMetrics()
  const metrics = createGateMetrics(registry, clock, { waitingMax: 1, unitsMax: 1 })
  metrics.breached(99_000)
  metrics.breached(101_000)
  expect(await registry.text()).toContain('penstock_gate_breach_to_latch_seconds_sum 1\n')
})
