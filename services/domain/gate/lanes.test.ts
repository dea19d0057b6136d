import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { compilePlan } from './compile-plan.ts'
import { accept, createRunGate, enterThrough } from './run-gate.ts'
import { runGateToData } from './run-gate-data.ts'
import { refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'

const limits = { waitingMax: 10_000, unitsMax: 100_000 }
const plan = compilePlan(sampleSpec({ criticalSlices: [{ key: 'tier', value: 'gold' }] }))

const record = fc.record({
  wave: fc.constantFrom('a', 'b'),
  /** How far behind the newest stage entry of its wave. */
  behind: fc.constantFrom(0, 0, 0, 1, 2, 6),
  /** Whether the wave enters a stage with it. */
  enters: fc.integer({ min: 0, max: 7 }).map((roll) => roll === 0),
  comparison: fc.constantFrom('content_ab', 'shadow_ab', 'live_ab', 'aa'),
  fast: fc.boolean(),
  rule: fc.constantFrom('a', 'b'),
  unit: fc.nat(20),
  bad: fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(0, 1)),
  gold: fc.boolean(),
})

function evidenceOf(drawn: readonly (typeof record extends fc.Arbitrary<infer T> ? T : never)[]): Evidence[] {
  const newest: Record<string, number> = { a: 1, b: 1 }
  return drawn.map(
    ({ wave, behind, enters, comparison, fast, rule, unit, bad: [baseline, candidate], gold }, index) => {
      if (enters) newest[wave] = (newest[wave] ?? 1) + 1
      const entry = Math.max(1, (newest[wave] ?? 1) - behind)
      const live = comparison === 'live_ab'
      const base = sampleEvidence(index)
      const weight = live ? 10_000 : 0
      const metrics = ['error', 'latency_over_budget'].map((name) => ({ name, baseline, candidate }))
      const arm = live ? (unit % 2 === 0 ? 'baseline' : 'candidate') : null
      return {
        ...base,
        place: { ...base.place, wave, rule, stage_entry: entry, candidate_weight: weight },
        comparison,
        horizon_ms: fast ? 2_000 : 3_000,
        arrived_at: 1_000_000 + index * 100_000,
        arm,
        unit: `unit-${unit}`,
        assignment_unit: `key-${unit}`,
        segments: gold ? { tier: 'gold' } : {},
        metrics: [...metrics, refusal(baseline, candidate)],
      }
    },
  )
}

it('a gate that looks everything up for each record comes to the same state as one that keeps what records have in common', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 20, maxLength: 120 }), (drawn) => {
      const [keeps, forgets] = [createRunGate('run', plan, limits), createRunGate('run', plan, limits)]
      for (const entry of evidenceOf(drawn)) {
        forgets.lanes.clear()
        for (const gate of [keeps, forgets]) {
          accept(gate, entry, 0, 0)
          enterThrough(gate, entry.arrived_at + 50_000)
        }
      }
      expect(keeps.counts.entered).toBe(drawn.length)
      expect(runGateToData(keeps)).toEqual(runGateToData(forgets))
    }),
    { numRuns: 100 },
  )
})
