import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import type { AnalysisPlan } from './plan.ts'
import { accept, createRunGate, enterThrough, type RunGate, releaseTimeOf } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { refusal, refusalDecides, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const limits = { waitingMax: 10_000, unitsMax: 100_000 }
const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }

function planOf(overrides: Partial<RolloutDocument> = {}): AnalysisPlan {
  const metrics = refusalDecides
  return compilePlan(sampleSpec({ metrics, ...overrides }))
}

function pair(index: number, baseline: number, candidate: number, change: Partial<Evidence> = {}): Evidence {
  return sampleEvidence(index, { metrics: [refusal(baseline, candidate)], ...change })
}

function fed(
  plan: AnalysisPlan,
  evidence: readonly Evidence[],
  steps: readonly number[] = [Number.MAX_SAFE_INTEGER],
): RunGate {
  const gate = createRunGate('run', plan, limits)
  for (const [offset, entry] of evidence.entries()) accept(gate, entry, 0, offset)
  for (const through of steps) enterThrough(gate, through)
  return gate
}

const harmless = (n: number) =>
  Array.from({ length: n }, (_, i) => pair(i, i % 20 === 0 ? 1 : 0, i % 20 === 10 ? 1 : 0))
const harmful = (n: number) => Array.from({ length: n }, (_, i) => pair(i, 0, i % 2))

describe('the gate of a run', () => {
  it('latches harm within a few dozen pairs and says with which numbers', () => {
    const answer = judge(fed(planOf(), harmful(60)), stage)
    expect(answer.outcome).toBe('rollback')
    expect(answer.breach?.test).toBe('harm/refusal/content_ab/paired_binary')
    expect(answer.reason).toMatch(/refusal on content_ab harms \(candidate \d+\.\d %, baseline 0\.0 %\), n = \d+/)
  })

  it('waits for the pairs that a critical slice needs by itself, and says how many those are', () => {
    const plan = planOf({ criticalSlices: [{ key: 'tier', value: 'gold' }] })
    const overall = planOf()
    const required = Math.ceil((overall.advance.find((test) => test.stages === 'shadow')?.informationFixed ?? 0) * 0.1)
    const tiered = (every: number) =>
      harmless(required + 100).map((each, i) => (i % every === 0 ? { ...each, segments: { tier: 'gold' } } : each))
    expect(judge(fed(overall, tiered(11)), stage).outcome).toBe('advance')
    const { outcome, reasonCode, reason, nRequired } = judge(fed(plan, tiered(11)), stage)
    expect({ outcome, reasonCode }).toEqual({ outcome: 'hold', reasonCode: 'NEED_UNITS' })
    expect(reason).toMatch(/^refusal on content_ab in tier = gold: \d+ of \d+ units$/)
    expect(nRequired).toBeGreaterThanOrEqual(required - 1)
    expect(judge(fed(plan, tiered(1)), stage).outcome).toBe('advance')
  })

  it('permits an advance only from the required number of pairs on', () => {
    const plan = planOf()
    const required = Math.ceil((plan.advance.find((test) => test.stages === 'shadow')?.informationFixed ?? 0) * 0.1)
    const before = judge(fed(plan, harmless(required - 1)), stage)
    expect(before.outcome).toBe('hold')
    expect(before.reasonCode).toBe('NEED_UNITS')
    expect(judge(fed(plan, harmless(required + 10)), stage)).toMatchObject({
      outcome: 'advance',
      reasonCode: 'ALL_ACCEPTABLE',
    })
  })

  it('never passes without data, and holds while legs of its own are lost', () => {
    const plan = planOf()
    expect(judge(createRunGate('run', plan, limits), stage).reasonCode).toBe('NO_DATA')
    const lost = Array.from({ length: 60 }, (_, i) =>
      pair(100_000 + i, 0, 0, { candidate_resolution: null, metrics: [] }),
    )
    const answer = judge(fed(plan, [...harmless(1_500), ...lost]), stage)
    expect(answer.outcome).toBe('hold')
    expect(answer.reasonCode).toBe('LOW_COMPLETENESS')
  })

  it('counts a unit once: repeating one session a thousand times is one pair', () => {
    const evidence = harmful(1_000).map((entry) => ({ ...entry, unit: 'one-session-that-goes-on' }))
    const gate = fed(planOf(), evidence)
    expect(judge(gate, stage).outcome).toBe('hold')
    expect(gate.harm.get('harm/refusal/content_ab/paired_binary')?.mixture.whole.n).toBe(1)
  })

  it('sees harm that begins within sessions once the pair of a session that enters is drawn from its length', () => {
    const sessions = Array.from({ length: 3_000 }, (_, i) =>
      pair(i, 0, i % 10 < 5 ? 0 : 1, { unit: `session-${Math.floor(i / 10)}-padded-to-length` }),
    )
    expect(judge(fed(planOf(), sessions), stage).outcome).toBe('hold')
    const drawn = fed(planOf({ statistics: { pairsPerUnitMedian: 5 } }), sessions)
    expect(judge(drawn, stage).outcome).toBe('rollback')
    expect(drawn.harm.get('harm/refusal/content_ab/paired_binary')?.mixture.whole.n).toBeLessThan(300)
  })

  it('thins pairs of a segment that is sampled more often for questions about all pairs, but not for those about the segment', () => {
    const slice = { key: 'tier', value: 'rare' }
    const sampled = Array.from({ length: 400 }, (_, i) =>
      pair(i, 0, 0, { segments: { tier: i % 2 === 0 ? 'rare' : 'usual' }, inclusion_p: i % 2 === 0 ? 1 : 0.25 }),
    )
    const enteredOf = (gate: RunGate) =>
      ['', '/tier=rare'].map(
        (end) => gate.harm.get(`harm/refusal/content_ab/paired_binary${end}`)?.mixture.whole.n ?? 0,
      )
    const [overall = 0, rare] = enteredOf(
      fed(planOf({ criticalSlices: [slice], statistics: { inclusionMin: 0.25 } }), sampled),
    )
    expect(rare).toBe(200)
    expect(overall).toBeGreaterThan(225)
    expect(overall).toBeLessThan(275)
    expect(enteredOf(fed(planOf({ criticalSlices: [slice] }), sampled))).toEqual([400, 200])
  })

  it('does not enter what comes after its release time was passed', () => {
    const plan = planOf()
    const gate = fed(plan, harmless(10))
    accept(gate, pair(3, 0, 1), 0, 99)
    expect(gate.counts).toMatchObject({ entered: 10, late: 1 })
  })

  it('skipped legs are not sampled, and a not-a-number outcome enters nothing', () => {
    const skipped = pair(1, 0, 1, { candidate_resolution: 'skipped_budget' })
    const odd = pair(2, 0, Number.NaN)
    const gate = fed(planOf(), [skipped, odd])
    expect(gate.harm.get('harm/refusal/content_ab/paired_binary')?.mixture.whole.n).toBe(0)
  })

  it('gives the same state for every order, duplication and batching of the same evidence', () => {
    const plan = planOf()
    const evidence = harmful(40)
    const expected = JSON.stringify(runGateToData(fed(plan, evidence)).harm)
    const last = releaseTimeOf(plan, evidence.at(-1) as Evidence)
    fc.assert(
      fc.property(
        fc.shuffledSubarray(evidence, { minLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 39 }), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1_000_000, max: last }), { maxLength: 5 }),
        (order, again, cuts) => {
          const repeated = [...order, ...again.map((index) => evidence[index] as Evidence)]
          const gate = fed(plan, repeated, [...cuts.sort((a, b) => a - b), Number.MAX_SAFE_INTEGER])
          expect(JSON.stringify(runGateToData(gate).harm)).toBe(expected)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('is the same after a restart from its snapshot at any point', () => {
    const plan = planOf()
    const evidence = harmful(60)
    const whole = JSON.stringify(runGateToData(fed(plan, evidence)).harm)
    for (const cut of [1, 17, 44]) {
      const first = fed(plan, evidence.slice(0, cut))
      const data = JSON.parse(
        JSON.stringify(
          runGateToData({ ...first, enteredThroughMs: releaseTimeOf(plan, evidence[cut - 1] as Evidence) }),
        ),
      )
      const restored = runGateFromData('run', plan, limits, data)
      if (restored === null) throw new Error('the snapshot was refused')
      for (const [offset, entry] of evidence.entries()) accept(restored, entry, 0, offset)
      enterThrough(restored, Number.MAX_SAFE_INTEGER)
      expect(JSON.stringify(runGateToData(restored).harm)).toBe(whole)
    }
  })

  it('refuses the snapshot of another plan', () => {
    const data = runGateToData(fed(planOf(), harmless(3)))
    expect(runGateFromData('run', planOf({ legTimeout: '4s' }), limits, data)).toBeNull()
  })
})
