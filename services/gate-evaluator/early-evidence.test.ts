import { describe, expect, it } from 'vitest'
import type { Evidence } from '../domain/events/records.ts'
import { ackedRun, startedRun, startMs } from '../domain/rollout/sample-run.ts'
import type { Evaluator } from './evaluator.ts'
import { sampleEvaluator } from './sample-evaluator.ts'

const run = ackedRun(startedRun(), startMs)

type Lost = { readonly run: string; readonly records: number }

function evaluatorWith(waitingMax: number, onForgotten: (lost: Lost) => void = () => undefined): Evaluator {
  return sampleEvaluator({ limits: { waitingMax, unitsMax: 1_000 }, onForgotten })
}

function evidenceOf(index: number, ofRun = run.id): Evidence {
  return {
    id: `id-${index}`,
    version: 0,
    place: { run: ofRun, wave: 'all', stage_entry: 1, stage: 'shadow', epoch: 1, rule: 'all', candidate_weight: 0 },
    exchange_id: `x${index}`,
    comparison: 'content_ab',
    source: 'pairing',
    horizon_ms: run.plan.legTimeoutMs,
    arrived_at: startMs + index,
    arm: null,
    baseline_resolution: 'answered',
    candidate_resolution: 'answered',
    unit: `unit-${index}`,
    assignment_unit: `unit-${index}`,
    turn: 0,
    tenant: 'tenant',
    segments: {},
    inclusion_p: 1,
    metrics: [],
    late: false,
  }
}

function enteredOf(evaluator: Evaluator): number | undefined {
  evaluator.evaluate()
  return evaluator.runs.get(run.id)?.gate.counts.entered
}

describe('evidence that is read before the record of its run', () => {
  it('waits for it, and enters like any other', () => {
    const evaluator = evaluatorWith(100)
    for (let i = 0; i < 5; i += 1) evaluator.onEvidence(evidenceOf(i), 0, i)
    evaluator.onRun(run)
    evaluator.onEvidence(evidenceOf(5), 0, 5)
    expect(enteredOf(evaluator)).toBe(6)
  })

  it('that does not fit leaves a gate that permits nothing and says so', () => {
    const evaluator = evaluatorWith(3)
    for (let i = 0; i < 5; i += 1) evaluator.onEvidence(evidenceOf(i), 0, i)
    evaluator.onRun(run)
    expect(enteredOf(evaluator)).toBe(3)
    expect(evaluator.runs.get(run.id)?.judged[0]?.judgement).toMatchObject({
      outcome: 'hold',
      reasonCode: 'GATE_LIMIT',
    })
  })

  it('of a run that is over is not kept, so that it takes no room', () => {
    const evaluator = evaluatorWith(3)
    evaluator.onRun({ ...run, id: 'over', state: { ...run.state, phase: 'completed' } })
    for (let i = 0; i < 5; i += 1) evaluator.onEvidence(evidenceOf(i, 'over'), 0, i)
    evaluator.onEvidence(evidenceOf(5), 0, 5)
    evaluator.onRun(run)
    expect(enteredOf(evaluator)).toBe(1)
  })

  it('is counted when a thousand other unknown runs push it out, and its gate permits nothing once the run is heard of', () => {
    const forgotten: { readonly run: string; readonly records: number }[] = []
    const evaluator = evaluatorWith(10_000, (lost) => forgotten.push(lost))
    for (let i = 0; i < 3; i += 1) evaluator.onEvidence(evidenceOf(i), 0, i)
    for (let i = 0; i < 1_000; i += 1) evaluator.onEvidence(evidenceOf(i, `unknown-${i}`), 0, 3 + i)
    expect(forgotten).toEqual([{ run: run.id, records: 3 }])
    evaluator.onEvidence(evidenceOf(3), 0, 1_003)
    evaluator.onRun(run)
    expect(enteredOf(evaluator)).toBe(1)
    expect(evaluator.runs.get(run.id)?.gate.counts.refused).toBe(3)
    expect(evaluator.runs.get(run.id)?.judged[0]?.judgement).toMatchObject({
      outcome: 'hold',
      reasonCode: 'GATE_LIMIT',
    })
  })
})
