import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { specFromDocument } from '../policy/spec-from-document.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { again, refusal, sampleDocument, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const limits = { waitingMax: 10_000, unitsMax: 100_000 }
const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
const plan = compilePlan(sampleSpec())

function fed(evidence: readonly Evidence[], into: RunGate = createRunGate('run', plan, limits)): RunGate {
  for (const entry of evidence) accept(into, entry, 0, 0)
  enterThrough(into, Number.MAX_SAFE_INTEGER / 2)
  return into
}

const differs = (differs: boolean) => ({ name: 'differs_exact', baseline: 0, candidate: differs ? 1 : 0 })
const tokens = (baseline: number, candidate: number) => ({ name: 'length_chars', baseline, candidate })

/** The candidate differs in half of the requests, the baseline from itself in a fifth; lengths by 10 and by 2. */
const triples = Array.from({ length: 100 }, (_, i): readonly Evidence[] => {
  const pair = sampleEvidence(i, { metrics: [refusal(0, 0), differs(i % 2 === 0), tokens(100, 110)] })
  return [pair, again(pair, [refusal(0, 0), differs(i % 5 === 0), tokens(100, 98)])]
}).flat()

describe('the noise floor', () => {
  it('shows how far the candidate differs beyond the baseline from itself, on the same requests, in any order', () => {
    const { noise } = judge(fed(triples), stage).instrument
    const exact = noise.find(({ metric }) => metric === 'differs_exact')
    expect(exact).toMatchObject({ n: 100, candidateRate: 0.5, baselineRate: 0.2 })
    expect(exact?.excess).toBeCloseTo(0.3, 12)
    expect([exact?.low ?? 1, exact?.high ?? 0].map((limit) => limit > 0.15 && limit < 0.45)).toEqual([true, true])
    expect(noise.find(({ metric }) => metric === 'length_chars')).toMatchObject({ n: 100, excess: 8, low: 8, high: 8 })
    expect(judge(fed([...triples].reverse()), stage).instrument.noise).toEqual(noise)
  })

  it('counts a session once, and goes on after a restart of the gate in the middle of a request', () => {
    const whole = fed(triples)
    const gate = fed(triples.slice(0, 101))
    const restored = runGateFromData('run', plan, limits, JSON.parse(JSON.stringify(runGateToData(gate))))
    if (restored === null) throw new Error('the snapshot was not read')
    restored.enteredThroughMs = 0
    expect(judge(fed(triples.slice(101), restored), stage).instrument).toEqual(judge(whole, stage).instrument)
    const session = triples.map((entry) => ({ ...entry, unit: 'one-session-that-goes-on' }))
    expect(judge(fed(session), stage).instrument.noise[0]?.n).toBe(1)
  })

  it('a test that fires on the baseline against itself is no instrument: nothing advances, and it says so', () => {
    const quiet = judge(fed(triples), stage)
    expect(quiet.instrument).toMatchObject({ fired: [] })
    expect(quiet.instrument.audited).toBeGreaterThan(0)
    const broken = Array.from({ length: 60 }, (_, i) => {
      const pair = sampleEvidence(i)
      return [pair, again(pair, [refusal(0, 1)])]
    }).flat()
    const answer = judge(fed(broken), stage)
    expect(answer).toMatchObject({ outcome: 'hold', reasonCode: 'AA_ALARM' })
    expect(answer.instrument.fired).toEqual(['harm/refusal/content_ab/paired_binary'])
    const harmful = broken.map((entry) => (entry.comparison === 'aa' ? entry : { ...entry, metrics: [refusal(0, 1)] }))
    expect(judge(fed(harmful), stage).outcome).toBe('rollback')
  })

  it('no rollout may decide by texts that differ', () => {
    for (const role of ['guardrail', 'primary'] as const) {
      const result = specFromDocument(sampleDocument({ metrics: { differs_exact: { role } } }), null)
      expect(result.kind === 'problems' && result.problems.map(({ path }) => path)).toEqual([
        ['metrics', 'differs_exact', 'role'],
      ])
    }
    const asked = plan.harm.filter(({ metric }) => metric.startsWith('differs_'))
    expect([...asked, ...plan.advance.filter(({ metric }) => metric.startsWith('differs_'))]).toEqual([])
  })
})
