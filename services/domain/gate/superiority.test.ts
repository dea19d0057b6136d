import { describe, expect, it } from 'vitest'
import { mcnemarOneSided } from '../stats/paired/mcnemar.ts'
import { compilePlan } from './compile-plan.ts'
import { type Judgement, judge } from './judge.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { onlyDeciding, refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const limits = { waitingMax: 10_000, unitsMax: 100_000 }
const rate = { margin: { absolute: 0.3 }, assumedRate: 0.3 }
const stages = [{ name: 'last', weight: '0%' }, { weight: '100%' }]
const last: StageView = { wave: 'all', stageEntry: 1, stageName: 'last', candidateWeight: 0, approved: false }
const refusals = 'advance/shadow/refusal/content_ab'
const goldens = 'advance/shadow/golden_wrong/content_ab'

/** Refusals and golden answers are primaries, of a rollout with these waves. */
function primaries(change: Parameters<typeof sampleSpec>[0] = {}) {
  const metrics = onlyDeciding({ refusal: { ...rate, role: 'primary' }, golden_wrong: { ...rate, role: 'signal' } })
  const spec = sampleSpec({ metrics, stages, ...change })
  const decides = { role: 'primary', mustHaveData: true } as const
  return { ...spec, metrics: spec.metrics.map((m) => (m.name === 'golden_wrong' ? { ...m, ...decides } : m)) }
}

const plan = compilePlan(primaries())

function fed(pairs: readonly (readonly [refused: number, wrong: number])[], of = plan): RunGate {
  const gate = createRunGate('run', of, limits)
  for (const [index, pair] of pairs.entries()) accept(gate, pairOf(index, pair), 0, 0)
  enterThrough(gate, Number.MAX_SAFE_INTEGER / 2)
  return gate
}

/** What the baseline does wrong, and the candidate never. */
function pairOf(index: number, [refused, wrong]: readonly [number, number], version = 0) {
  const metrics = [refusal(refused, 0), { name: 'golden_wrong', baseline: wrong, candidate: 0 }]
  return sampleEvidence(index, { version, metrics })
}

function claimsOf({ metrics }: Judgement) {
  return Object.fromEntries(metrics.flatMap(({ test, superiority }) => (superiority ? [[test, superiority]] : [])))
}

const better = Array.from({ length: 400 }, (_, i): [number, number] => [i % 4 === 0 ? 1 : 0, i % 40 === 0 ? 1 : 0])

describe('the claim that a primary is better', () => {
  it('is carried by one question of each primary in the last stage before full weight, of the last wave of a sequence', () => {
    const waves = [{ id: 'a', match: { tenant: 'a' } }, { id: 'b' }]
    const sequence = compilePlan(primaries({ waves }))
    expect(sequence.claim).toMatchObject({ alpha: 0.025, lastStages: [{ wave: 'b', stage: 'last' }] })
    expect(sequence.advance.filter(({ claims }) => claims === true).map(({ id }) => id)).toEqual([refusals, goldens])
    expect(sequence.claim?.lookShares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 12)
  })

  it('is shared by waves side by side and halved by a further attempt', () => {
    const waves = [{ id: 'a', match: { tenant: 'a' } }, { id: 'b' }]
    const together = compilePlan(primaries({ waves, waveOrder: 'together' }), 2)
    expect(together.claim).toMatchObject({ alpha: 0.025 / 4, lastStages: [{ wave: 'a' }, { wave: 'b' }] })
  })

  it('is on pairs, and in a canary without pairs on the live arms; guardrails and slices carry none', () => {
    const metrics = onlyDeciding({ refusal: { ...rate, role: 'primary' }, error: { role: 'primary' } })
    const of = compilePlan(sampleSpec({ metrics, criticalSlices: [{ key: 'tenant', value: 't' }] }))
    expect(of.advance.filter(({ claims }) => claims === true).map(({ id }) => id)).toEqual([
      'advance/canary/error/live_ab',
      'advance/canary/refusal/content_ab',
    ])
    const guarded = compilePlan(sampleSpec())
    expect(guarded.claim).toBeUndefined()
    expect(guarded.advance.some(({ claims }) => claims !== undefined)).toBe(false)
  })

  it('is made once all primaries have passed: McNemar at the look, over its part of the level, by Holm', () => {
    const gate = fed(better)
    const answer = judge(gate, last)
    const claims = claimsOf(answer)
    const { passedOn, statistics } = gate.advance.get(`all/1/${refusals}`) ?? { passedOn: null, statistics: [] }
    expect(statistics).toHaveLength(1)
    const onlyCandidate = passedOn?.onlyBaseline ?? 0
    const p = mcnemarOneSided({ onlyCandidate, onlyBaseline: 0 }).midP / (plan.claim?.lookShares[0] ?? 0)
    expect(claims[refusals]).toEqual({ p, adjustedP: 2 * p, alpha: 0.025, primaries: 2, better: true })
    expect(claims[goldens]).toMatchObject({ better: false })
    expect(answer.metrics.find(({ test }) => test === refusals)?.state).toBe('better')
    expect(answer.metrics.find(({ test }) => test === goldens)?.state).toBe('acceptable')
  })

  it('is said in the sentence that permits', () => {
    const { outcome, reason } = judge(fed(better), last)
    expect(outcome).toBe('advance')
    expect(reason).toMatch(/; refusal is better \(p = [\d.e-]+ over 2 primaries\)$/)
  })

  it('is made in no other stage, and not before the slowest primary', () => {
    const gate = fed(better)
    expect(claimsOf(judge(gate, { ...last, stageName: 'first' }))).toEqual({})
    const half = createRunGate('run', plan, limits)
    for (const [i, [refused]] of better.entries())
      accept(half, sampleEvidence(i, { metrics: [refusal(refused, 0)] }), 0, 0)
    enterThrough(half, Number.MAX_SAFE_INTEGER / 2)
    expect(half.advance.get(`all/1/${refusals}`)?.passed).toBe(true)
    expect(claimsOf(judge(half, last))).toEqual({})
  })

  it('falls with a correction that takes the difference back, and comes back from a snapshot as it was', () => {
    const gate = fed(better)
    const restored = runGateFromData('run', plan, limits, JSON.parse(JSON.stringify(runGateToData(gate))))
    if (restored === null) throw new Error('the snapshot was not read')
    expect(claimsOf(judge(restored, last))).toEqual(claimsOf(judge(gate, last)))
    for (let i = 0; i < 400; i += 4) accept(gate, pairOf(i, [0, 0], 1), 0, 0)
    expect(claimsOf(judge(gate, last))[refusals]).toMatchObject({ p: 1, better: false })
  })

  it('of an amount rests on a bet against "no better" that runs on after the pass, and is made anew by a correction', () => {
    const metrics = onlyDeciding({
      output_tokens: { role: 'primary', harmRule: 'beyond_margin', largest: 1_000, margin: { absolute: 100 } },
    })
    const amounts = compilePlan(sampleSpec({ metrics, stages, calibrationPairs: 40 }))
    const gate = createRunGate('run', amounts, limits)
    const tokens = (index: number, candidate: number, change = {}) =>
      sampleEvidence(index, { metrics: [{ name: 'output_tokens', baseline: 500, candidate }], ...change })
    for (let i = 0; i < 40; i += 1) accept(gate, tokens(i, 490 + (i % 20), { id: `aa-${i}`, comparison: 'aa' }), 0, 0)
    const test = 'advance/shadow/output_tokens/content_ab'
    const told: (number | undefined)[] = []
    for (let i = 40; i < 1_040; i += 1) {
      accept(gate, tokens(i, i % 2 === 0 ? 300 : 600), 0, 0)
      enterThrough(gate, 1_000_000 + i * 10)
      if (i % 100 === 0) told.push(claimsOf(judge(gate, last))[test]?.p)
    }
    enterThrough(gate, Number.MAX_SAFE_INTEGER / 2)
    const claim = claimsOf(judge(gate, last))[test]
    expect(claim).toMatchObject({ primaries: 1, better: true })
    const known = told.filter((p) => p !== undefined)
    expect(known.length).toBeGreaterThan(1)
    expect(known).toEqual([...known].sort((a, b) => b - a))
    for (let i = 40; i < 1_040; i += 2) accept(gate, tokens(i, 500, { version: 1 }), 0, 0)
    expect(gate.advance.get(`all/1/${test}`)?.amounts?.better?.logBest).toBeLessThan(1)
  })
})
