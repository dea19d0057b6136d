import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import type { JudgeDocument } from '../policy/rollout-document.ts'
import { specFromDocument } from '../policy/spec-from-document.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough, type RunGate, releaseTimeOf } from './run-gate.ts'
import { again, refusal, sampleDocument, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const limits = { waitingMax: 10_000, unitsMax: 100_000 }
const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
const source = 'judge:v3'
const fit: JudgeDocument = {
  ...{ metrics: ['judge_loss'], labels: 300, kappa: 0.6, kappaLower: 0.5, consistency: 0.8 },
  ...{ measuredAt: '1970-01-01T00:00:00Z', validUntil: '1970-01-02T00:00:00Z', within: '1m' },
}
const signal = { role: 'signal' } as const
const metrics = { judge_loss: { role: 'guardrail' }, error: signal, fast_error: signal, fast_refusal: signal } as const
const spec = sampleSpec({ judges: { [source]: fit }, metrics })
const plan = compilePlan(spec)
const test = 'harm/judge_loss/content_ab/beyond_margin'

/** As a judge would produce it: which of the two answers it holds for the worse one, in both orders. */
function judged(index: number, candidateLost: boolean, change: Partial<Evidence> = {}): Evidence {
  const loss = { name: 'judge_loss', baseline: candidateLost ? 0 : 1, candidate: candidateLost ? 1 : 0 }
  const pair = sampleEvidence(index, { source, metrics: [loss], inclusion_p: 0.2 })
  return { ...pair, id: `${pair.id}-judge`, ...change }
}

function fed(evidence: readonly Evidence[], of = plan, throughMs = 80_000_000): RunGate {
  const gate = createRunGate('run', of, limits)
  for (const entry of evidence) accept(gate, entry, 0, 0)
  enterThrough(gate, throughMs)
  return gate
}

const asked = (gate: RunGate) => gate.harm.get(test)?.mixture.whole.n

describe('a metric that a judge supplies', () => {
  it('decides beside the evidence of the exchanges, which are pairs of their own', () => {
    const own = Array.from({ length: 100 }, (_, i) => sampleEvidence(i))
    const gate = fed([...own, ...own.map((_, i) => judged(i, true))])
    expect(asked(gate)).toBe(100)
    expect(gate.harm.get('harm/refusal/content_ab/paired_binary')?.mixture.whole.n).toBe(100)
    const answer = judge(gate, stage)
    expect(answer).toMatchObject({ outcome: 'rollback', breach: { test } })
    expect(answer.metrics.find((metric) => metric.test === test)?.judge).toEqual({ source, state: 'fit', faults: [] })
    expect(gate.completeness.get('all/1/content_ab')?.planned.candidate).toBe(100)
  })

  it('is waited for as long as the policy says', () => {
    const wait = releaseTimeOf(plan, judged(0, true)) - releaseTimeOf(plan, sampleEvidence(0))
    expect(wait).toBe(60_000)
  })

  it('is taken from the declared judge in its declared version alone; the rest is counted', () => {
    const others = [judged(0, true, { source: 'judge:v4' }), judged(1, true, { source: 'external:crowd' })]
    const usurped = [judged(2, true, { source: 'pairing' }), judged(3, true, { metrics: [refusal(0, 1)] })]
    const gate = fed([...others, ...usurped])
    expect(asked(gate)).toBe(0)
    expect(gate.counts.unusable).toBe(4)
  })

  it('cannot decide when the judge is not fit: each limit is named, and lint refuses it', () => {
    const faulty: readonly (readonly [Partial<JudgeDocument>, string])[] = [
      [{ labels: 199 }, 'few_labels'],
      [{ kappaLower: 0.39 }, 'low_agreement'],
      [{ consistency: 0.69 }, 'inconsistent'],
      [{ firstShare: 0.7 }, 'position_bias'],
    ]
    for (const [change, fault] of faulty) {
      const judges = { [source]: { ...fit, ...change } }
      const refused = specFromDocument(sampleDocument({ judges, metrics }), null)
      expect(refused.kind === 'problems' && refused.problems[0]?.message).toMatch(fault)
      const planned = (spec.judges ?? []).map((one) => ({ ...one, calibration: { ...one.calibration, ...change } }))
      const answer = judge(fed([judged(0, false)], compilePlan({ ...spec, judges: planned })), stage)
      expect(answer).toMatchObject({ outcome: 'hold', reasonCode: 'JUDGE_UNFIT' })
      expect(answer.reason).toMatch(fault)
    }
    const none = specFromDocument(sampleDocument({ metrics }), null)
    expect(none.kind === 'problems' && none.problems[0]?.path).toEqual(['metrics', 'judge_loss', 'role'])
  })

  it('cannot decide after its calibration has expired: what is judged later does not enter', () => {
    const late = { arrived_at: 86_400_001 }
    const gate = fed([judged(0, true), judged(1, true, late)], plan, 90_000_000)
    expect(asked(gate)).toBe(1)
    expect(gate.counts.unusable).toBe(1)
    expect(judge(gate, stage)).toMatchObject({ outcome: 'hold', reasonCode: 'JUDGE_EXPIRED' })
    expect(judge(fed([judged(0, true)]), stage).reasonCode).not.toBe('JUDGE_EXPIRED')
  })

  it('of a judge that prefers one of two answers of the same model cannot decide', () => {
    const same = (i: number, lost: boolean) => again(judged(i, lost), judged(i, lost).metrics)
    const even = fed(Array.from({ length: 60 }, (_, i) => same(i, i % 2 === 0)))
    expect(judge(even, stage).reasonCode).not.toBe('JUDGE_UNFIT')
    // Too seldom for the harm test to fire on it.
    const gate = fed(Array.from({ length: 60 }, (_, i) => same(i, i % 3 !== 0)))
    expect(judge(gate, stage).instrument.fired).toEqual([])
    expect(judge(gate, stage)).toMatchObject({ outcome: 'hold', reasonCode: 'JUDGE_UNFIT' })
  })
})
