import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Evidence } from '../../services/domain/events/records.ts'
import { judge } from '../../services/domain/gate/judge.ts'
import {
  accept,
  createRunGate,
  enterThrough,
  type RunGate,
  releaseTimeOf,
} from '../../services/domain/gate/run-gate.ts'
import { type RunGateData, runGateFromData, runGateToData } from '../../services/domain/gate/run-gate-data.ts'
import { uniforms } from './draws.ts'
import type { LegChange } from './traffic.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

const plan = planOf({ legTimeout: '3s', shadow: { startWithin: '1s' }, calibrationPairs: 0 })
const limits = { waitingMax: 100_000, unitsMax: 1_000_000 }
const weight = 50_000
const stage = { wave: 'all', stageEntry: 1, stageName: 'stage', candidateWeight: weight, approved: false }

/** Live singles and pairs of a run whose candidate turns bad half way; enough sticky keys that the gate latches by itself. */
function evidenceOf(seed: number): readonly Evidence[] {
  const uniform = uniforms(seed)
  const run = new VirtualRun(plan, weight, { keepsEvidence: true })
  for (let i = 0; i < 360; i += 1) {
    const isCandidate = uniform() < run.share
    const rate = isCandidate && i > 180 ? 0.5 : 0.02
    const leg: LegChange = uniform() < rate ? { resolution: 'failed', durationMs: 300 } : {}
    run.live(isCandidate ? 'candidate' : 'baseline', `user-${Math.floor(uniform() * 300)}`, leg)
    run.pair('content_ab', `session-${Math.floor(i / 2)}`, {}, { refused: uniform() < 0.03 })
    run.nowMs += 400
  }
  return run.fed
}

/** Everything that a verdict or a latch can depend on. Counts of repetitions may differ. */
function answerOf(gate: RunGate): string {
  const { planHash, harm, advance, completeness, breaches, calibration } = runGateToData(gate)
  return JSON.stringify({ planHash, harm, advance, completeness, breaches, calibration, verdict: judge(gate, stage) })
}

function restarted(gate: RunGate): RunGate {
  const data = JSON.parse(JSON.stringify(runGateToData(gate))) as RunGateData
  const restored = runGateFromData('run', plan, limits, data)
  if (restored === null) throw new Error('the snapshot was refused')
  return restored
}

it('the same evidence gives the same verdict and the same latch in any order, batching and repetition, with late records and restarts', () => {
  const evidence = evidenceOf(11)
  const releases = evidence.map((entry) => releaseTimeOf(plan, entry))
  const [first, last] = [Math.min(...releases), Math.max(...releases)]
  const whole = createRunGate('run', plan, limits)
  for (const [offset, entry] of evidence.entries()) accept(whole, entry, 0, offset)
  enterThrough(whole, last)
  const expected = answerOf(whole)
  expect(whole.breaches.filter(({ action }) => action === 'rollback').length).toBeGreaterThan(0)
  const cut = fc.record({ throughMs: fc.integer({ min: first - 10, max: last }), restart: fc.boolean() })
  const repetition = fc.record({ index: fc.nat(evidence.length - 1), late: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(cut, { maxLength: 8 }),
      fc.array(repetition, { maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (cuts, repetitions, keys) => {
        const steps = [...cuts.sort((a, b) => a.throughMs - b.throughMs), { throughMs: last, restart: true }]
        let gate = createRunGate('run', plan, limits)
        let afterMs = Number.NEGATIVE_INFINITY
        for (const { throughMs, restart } of steps) {
          // What is released by the step has been read by then, in whatever order; a restart reads what waited again.
          const batch = evidence.filter(
            (_, index) => (releases[index] ?? 0) <= throughMs && (releases[index] ?? 0) > afterMs,
          )
          const shuffled = batch
            .map((entry) => ({ entry, key: keys.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ entry }) => entry)
          for (const [offset, entry] of shuffled.entries()) accept(gate, entry, 0, offset)
          for (const { index, late } of repetitions) {
            const again = evidence[index]
            const isRead = (releases[index] ?? 0) <= throughMs
            if (again !== undefined && (late || isRead))
              accept(gate, late ? { ...again, id: `late-${index}`, late } : again, 0, index)
          }
          if (restart) {
            gate = restarted(gate)
            for (const entry of evidence) accept(gate, entry, 0, 0, true)
          }
          enterThrough(gate, throughMs)
          if (restart) gate = restarted(gate)
          afterMs = restart ? Number.NEGATIVE_INFINITY : throughMs
        }
        expect(answerOf(gate)).toBe(expected)
      },
    ),
    { numRuns: 60, seed: 20_261_126, verbose: 1 },
  )
})
