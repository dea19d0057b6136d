import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { exchangeFacts } from '../pairing/exchange-facts.ts'
import { request } from '../pairing/sample-exchange.ts'
import { createSharedValues } from '../pairing/shared-values.ts'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { sha256Hex } from '../scoring/normalise.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { again, refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }

function fed(change: Partial<RolloutDocument>, evidence: readonly Evidence[]): RunGate {
  const gate = createRunGate('run', compilePlan(sampleSpec(change)), { waitingMax: 100_000, unitsMax: 100_000 })
  for (const [offset, record] of evidence.entries()) accept(gate, record, 0, offset)
  enterThrough(gate, Number.MAX_SAFE_INTEGER / 2)
  return gate
}

describe('legs that are not alike', () => {
  it('errors, latency and cost are never asked of a live leg beside a shadow one', () => {
    const { metrics, harm, advance } = compilePlan(sampleSpec({ metrics: { cost_micro_usd: { role: 'signal' } } }))
    const ofLegs = metrics.map(({ name }) => name).filter((name) => /error|latency|ttft|cost|abandoned/.test(name))
    expect(ofLegs.length).toBeGreaterThan(4)
    const asked = [...harm, ...advance].filter(({ metric }) => ofLegs.includes(metric))
    expect(new Set(asked.map(({ comparison }) => comparison))).toEqual(new Set(['live_ab', 'shadow_ab']))
  })
})

describe('requests without a session', () => {
  it('are of one unit when one tenant asks the same within ten minutes, and of several else', () => {
    const unitOf = (tenant: string, content: string, minute: number) =>
      exchangeFacts(
        {
          ...request(`x-${tenant}-${content}-${minute}`),
          session: null,
          tenant,
          body: Buffer.from(JSON.stringify({ messages: [{ role: 'user', content }] })),
        },
        minute * 60_000,
        { hash: sha256Hex, shared: createSharedValues() },
        { goldenByPrompt: false },
      ).unit
    expect(unitOf('acme', 'hello', 1)).toBe(unitOf('acme', 'hello', 9))
    const others = [unitOf('acme', 'hello', 11), unitOf('other', 'hello', 1), unitOf('acme', 'bye', 1)]
    expect(new Set([unitOf('acme', 'hello', 1), ...others]).size).toBe(4)
  })
})

describe('amounts', () => {
  const metrics = {
    length_chars: { role: 'guardrail', margin: { absolute: 5 }, harmRule: 'beyond_margin', largest: 10_000 },
  } as const
  const lengths = (baseline: number, candidate: number) => [{ name: 'length_chars', baseline, candidate }]
  const noise = Array.from({ length: 100 }, (_, i) => again(sampleEvidence(i), lengths(100, 100 + ((i * 7) % 21) - 10)))
  const pairs = (count: number, candidate: (index: number) => number) =>
    Array.from({ length: count }, (_, i) => sampleEvidence(1_000 + i, { metrics: lengths(100, candidate(i)) }))

  it('are clipped at what calibration saw: a few huge answers are no proof, many long ones are', () => {
    const change = { metrics, calibrationPairs: 100 }
    const huge = fed(change, [...noise, ...pairs(2_000, (i) => (i % 100 === 0 ? 1_000_000 : 100))])
    expect(huge.calibration.frozen?.clipBounds['length_chars']).toBe(10)
    expect(huge.breaches).toEqual([])
    const long = fed(change, [...noise, ...pairs(2_000, () => 109)])
    expect(long.breaches.map(({ action, test }) => `${action} ${test}`)).toEqual([
      'rollback harm/length_chars/content_ab/beyond_margin',
    ])
  })
})

describe('harm that is proven', () => {
  /** Of so many pairs every `nth` is refused by the candidate alone. */
  const refused = (count: number, nth: number) =>
    Array.from({ length: count }, (_, i) => sampleEvidence(i, { metrics: [refusal(0, i % nth === 0 ? 1 : 0)] }))
  const change = { metrics: { refusal: { margin: { absolute: 0.05 } } } }

  it('goes to a person below the margin, and rolls back from the margin on', () => {
    expect(judge(fed(change, refused(2_000, 50)), stage)).toMatchObject({
      outcome: 'review',
      reasonCode: 'WORSE_WITHIN_MARGIN',
    })
    expect(judge(fed(change, refused(2_000, 10)), stage)).toMatchObject({ outcome: 'rollback', reasonCode: 'BREACH' })
  })
})
