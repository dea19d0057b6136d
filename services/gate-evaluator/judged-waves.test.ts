import { describe, expect, it } from 'vitest'
import type { Command, Evidence, Latch, Records } from '../domain/events/records.ts'
import { compilePlan } from '../domain/gate/compile-plan.ts'
import { replayVerdict } from '../domain/gate/replay-verdict.ts'
import { refusal, refusalDecides, sampleEvidence, sampleSpec } from '../domain/gate/sample-evidence.ts'
import type { Verdict } from '../domain/gate/verdict.ts'
import type { Run } from '../domain/rollout/run.ts'
import { ackedRun, command, startedRun, startMs } from '../domain/rollout/sample-run.ts'
import { transition } from '../domain/rollout/transition.ts'
import { topics } from '../flow.ts'
import type { OutRecord } from '../platform/kafka/transport.ts'
import { createEvaluator, type Evaluator } from './evaluator.ts'
import { createSnapshotCollector, type SnapshotCollector } from './gate-snapshot.ts'

const spec = sampleSpec({
  metrics: refusalDecides,
  waves: [{ id: 'a', match: { tenant: 'a' } }, { id: 'rest' }],
  waveOrder: 'together',
  stages: [{ weight: '0%' }, { weight: '10%' }, { weight: '100%' }],
})
const plan = compilePlan(spec)
const started: Run = { ...startedRun(spec), plan }

/** A gate whose frontier is wherever it is put, and what it wrote. */
function gateOf(snapshots: SnapshotCollector = createSnapshotCollector()) {
  const sent: OutRecord[] = []
  let readThroughMs = 0
  const evaluator: Evaluator = createEvaluator({
    gate: 'gate-1',
    codeVersion: 'test',
    clock: { nowMs: () => startMs, monoMs: () => 0 },
    codec: {
      encode: (_: string, value: unknown) => Buffer.from(JSON.stringify(value)),
    } as unknown as import('../platform/registry/codec.ts').Codec<Records>,
    frontier: {
      onEvidence: () => undefined,
      onProgress: () => undefined,
      readThroughMs: () => readThroughMs,
      blindness: () => null,
    } as unknown as import('./frontier.ts').Frontier,
    snapshots,
    limits: { waitingMax: 100_000, unitsMax: 100_000 },
    emit: (records) => void sent.push(...records),
    onBreach: () => undefined,
    onForgotten: () => undefined,
  })
  const valuesOf = <Value>(topic: string) =>
    sent.filter((record) => record.topic === topic).map(({ value }) => JSON.parse(String(value)) as Value)
  return {
    evaluator,
    sent,
    evaluateAt(ms: number) {
      readThroughMs = ms
      evaluator.evaluate()
    },
    told: () =>
      valuesOf<Command>(topics.commands.name).map(({ wave, payload }) => ({
        wave,
        verdict: JSON.parse(payload) as Verdict,
      })),
    ids: () => valuesOf<Command>(topics.commands.name).map(({ id }) => id),
    latches: () => valuesOf<Latch>(topics.brakes.name),
  }
}

let serial = 0

function pairs(run: Run, wave: string, count: number, candidate: (index: number) => 0 | 1): readonly Evidence[] {
  const state = run.state.waves.find(({ id }) => id === wave)
  return Array.from({ length: count }, (_, index) => {
    serial += 1
    const base = sampleEvidence(serial)
    const stage_entry = state?.stageEntry ?? 0
    const place = { ...base.place, run: run.id, wave, rule: wave, stage_entry }
    return { ...base, place, arrived_at: startMs + serial, metrics: [refusal(0, candidate(index))] }
  })
}

const farMs = startMs + 1_000_000

describe('the waves that a gate judges', () => {
  it('side by side each has its own evidence and looks, its own verdict and its own word for people', () => {
    const { evaluator, sent, evaluateAt, told, ids } = gateOf()
    evaluator.onRun(started)
    const required = plan.advance.find(({ id }) => id === 'advance/shadow/refusal/content_ab')?.requiredUnits ?? 0
    const evidence = [...pairs(started, 'a', required + 5, () => 0), ...pairs(started, 'rest', 20, () => 0)]
    for (const [offset, record] of evidence.entries()) evaluator.onEvidence(record, 0, offset)
    evaluateAt(farMs)
    expect(told()).toMatchObject([{ wave: 'a', verdict: { outcome: 'advance' } }])
    const judged = evaluator.runs.get(started.id)?.judged ?? []
    expect(judged.map(({ judgement }) => [judgement.outcome, judgement.n])).toEqual([
      ['advance', 0],
      ['hold', 20],
    ])
    for (const { verdict } of told()) expect(replayVerdict(started.id, plan, verdict, evidence)).toBeNull()
    evaluator.snapshot()
    const keys = sent.filter(({ topic }) => topic === topics.snapshots.name).map(({ key }) => key)
    expect(keys).toEqual([`${started.id}/wave/rest`, `${started.id}/a/0`, started.id])

    // A gate that takes over from the snapshot goes on in both waves with what was known.
    const collector = createSnapshotCollector()
    for (const { key, value } of sent.filter(({ topic }) => topic === topics.snapshots.name))
      collector.onRecord(String(key), value as Buffer)
    const next = gateOf(collector)
    next.evaluator.onRun(started)
    next.evaluateAt(farMs)
    expect(next.evaluator.runs.get(started.id)?.judged).toEqual(judged)
    expect(next.ids()).toEqual(ids())
  })

  it('harm in one of them latches the run once, and one verdict says so for all', () => {
    const { evaluator, evaluateAt, told, latches } = gateOf()
    evaluator.onRun(started)
    for (const [offset, record] of pairs(started, 'rest', 80, () => 1).entries())
      evaluator.onEvidence(record, 0, offset)
    evaluateAt(farMs)
    expect(latches()).toMatchObject([{ run: started.id, wave: null }])
    expect(told().map(({ verdict }) => verdict.outcome)).toEqual(['rollback'])
  })

  it('in the bake the guardrails stay armed: harm that comes then is latched, and nothing else is asked', () => {
    const full = command(started.id, 'promote', { payload: '{"full":true}' })
    const promoted = transition(started, { kind: 'command', command: full, successor: null }, startMs + 10).run
    const baking = ackedRun(promoted, startMs + 20)
    expect(baking.state.phase).toBe('bake')
    const { evaluator, evaluateAt, told, latches } = gateOf()
    evaluator.onRun(baking)
    evaluateAt(startMs + 2_000)
    expect(evaluator.runs.get(baking.id)?.judged.map(({ judgement }) => judgement.reasonCode)).toEqual(['BAKING'])
    for (const [offset, record] of pairs(baking, 'a', 80, () => 1).entries()) evaluator.onEvidence(record, 0, offset)
    evaluateAt(farMs)
    expect(latches()).toHaveLength(1)
    expect(told().map(({ verdict }) => verdict.outcome)).toEqual(['rollback'])
  })

  it('time in which people hold the run ends no stage', () => {
    const held = { ...started, state: { ...started.state, phase: 'held', resumePhase: 'shadow' } as const }
    for (const [run, outcomes] of [
      [held, ['hold', 'hold']],
      [started, ['review', 'review']],
    ] as const) {
      const { evaluator, evaluateAt } = gateOf()
      evaluator.onRun(run)
      evaluateAt(startMs + 400 * 86_400_000)
      expect(evaluator.runs.get(run.id)?.judged.map(({ judgement }) => judgement.outcome)).toEqual(outcomes)
    }
  })
})
