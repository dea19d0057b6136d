import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { seededRandom } from '../stats/bootstrap/seeded-random.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { again, onlyDeciding, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const limits = { waitingMax: 100_000, unitsMax: 100_000 }
const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
const source = 'judge:v3'
const calibrationPairs = 50
const plan = compilePlan(
  sampleSpec({
    calibrationPairs,
    metrics: onlyDeciding({
      output_tokens: {
        role: 'guardrail',
        harmRule: 'beyond_margin',
        largest: 1_000,
        margin: { relative: 0.2, floor: 1 },
      },
    }),
  }),
)
const scorePlan = compilePlan(
  sampleSpec({
    calibrationPairs,
    judges: {
      [source]: {
        ...{ metrics: ['judge_score'], labels: 300, kappa: 0.6, kappaLower: 0.5, consistency: 0.8 },
        ...{ measuredAt: '1970-01-01T00:00:00Z', validUntil: '1970-01-02T00:00:00Z', within: '1m' },
      },
    },
    metrics: onlyDeciding({ judge_score: { role: 'guardrail', margin: { absolute: 0.1 } } }),
  }),
)
const tokens = 'advance/shadow/output_tokens/content_ab'
const uniform = seededRandom('amounts').uniform
const noisy = (mean: number) => mean * (0.7 + 0.6 * uniform())

function fed(of: typeof plan, name: string, count: number, outcome: () => readonly [number, number]): RunGate {
  const gate = createRunGate('run', of, limits)
  const from = name === 'judge_score' ? { source } : {}
  const at = (index: number, [baseline, candidate]: readonly [number, number]): Evidence => {
    const pair = sampleEvidence(index, { ...from, metrics: [{ name, baseline, candidate }] })
    return from.source === undefined ? pair : { ...pair, id: `${pair.id}-judge` }
  }
  for (let index = 0; index < calibrationPairs; index += 1) {
    const own = outcome()[0]
    accept(gate, again(at(index, [own, own]), [{ name, baseline: own, candidate: outcome()[0] }]), 0, 0)
    // What the exchanges say of the same pair: an A/A pair counts by them.
    if (from.source !== undefined)
      accept(gate, again(sampleEvidence(index), [{ name: 'refusal', baseline: 0, candidate: 0 }]), 0, 0)
  }
  for (let index = calibrationPairs; index < calibrationPairs + count; index += 1) {
    accept(gate, at(index, outcome()), 0, index)
    if (from.source !== undefined) accept(gate, sampleEvidence(index), 0, index)
  }
  enterThrough(gate, 80_000_000)
  return gate
}

const verdictOf = (gate: RunGate, test: string) => judge(gate, stage).metrics.find((metric) => metric.test === test)

describe('an amount that decides', () => {
  it('passes at its looks when it is no worse, and says by how much it may be', () => {
    const gate = fed(plan, 'output_tokens', 400, () => [noisy(300), noisy(300)])
    expect(judge(gate, stage)).toMatchObject({ outcome: 'advance' })
    const verdict = verdictOf(gate, tokens)
    expect(verdict).toMatchObject({ state: 'acceptable', passed: true, n: 400, table: null })
    expect(Math.abs(verdict?.estimate ?? Number.NaN)).toBeLessThan(20)
    expect(verdict?.intervalLow).toBeLessThan(verdict?.estimate ?? Number.NaN)
    expect(verdict?.intervalHigh).toBeLessThan(60)
    expect(verdict?.eThreshold).toBeCloseTo(0.2 * (gate.calibration.frozen?.baselineValues['output_tokens'] ?? 0), 9)
  })

  it('does not pass when it is worse by its margin, however long it runs', () => {
    const gate = fed(plan, 'output_tokens', 2_000, () => [noisy(300), noisy(362)])
    expect(verdictOf(gate, tokens)).toMatchObject({ state: 'unclear', passed: false, looksSpent: 0 })
    expect(judge(gate, stage).outcome).not.toBe('advance')
  })

  it('holds until calibration has frozen what its margin is relative to, and without data', () => {
    const gate = createRunGate('run', plan, limits)
    for (let index = 0; index < 500; index += 1)
      accept(gate, sampleEvidence(index, { metrics: [{ name: 'output_tokens', baseline: 300, candidate: 300 }] }), 0, 0)
    enterThrough(gate, 80_000_000)
    expect(judge(gate, stage)).toMatchObject({ outcome: 'hold', reasonCode: 'CALIBRATING' })
    expect(verdictOf(gate, tokens)).toMatchObject({ looksSpent: 0, passed: false })
    const without = fed(plan, 'output_tokens', 0, () => [noisy(300), noisy(300)])
    expect(judge(without, stage)).toMatchObject({ outcome: 'hold', reasonCode: 'NO_DATA' })
  })

  it('latches when it is worse beyond its margin, and is told as an amount', () => {
    const answer = judge(
      fed(plan, 'output_tokens', 400, () => [noisy(300), noisy(500)]),
      stage,
    )
    expect(answer).toMatchObject({ outcome: 'rollback' })
    expect(answer.reason).toMatch(/candidate 5\d\d|candidate 4\d\d/)
    expect(answer.reason).not.toMatch(/%/)
  })

  it('is told by fewer pairs where they differ less', () => {
    const required = (spread: number) =>
      verdictOf(
        fed(plan, 'output_tokens', 60, () => [300 + spread * uniform(), 300 + spread * uniform()]),
        tokens,
      )?.nRequired ?? 0
    expect(required(400)).toBeGreaterThan(required(100) + 15)
  })

  it('goes on from a snapshot, and takes a pass back when corrected pairs no longer hold it', () => {
    const gate = fed(plan, 'output_tokens', 400, () => [noisy(300), noisy(300)])
    const back = runGateFromData('run', plan, limits, JSON.parse(JSON.stringify(runGateToData(gate))))
    if (back === null) throw new Error('the snapshot was not taken back')
    for (const each of [gate, back]) {
      for (let index = calibrationPairs; index < calibrationPairs + 200; index += 1) {
        const metrics = [{ name: 'output_tokens', baseline: 300, candidate: 420 }]
        accept(each, sampleEvidence(index, { version: 1, metrics }), 0, 0)
      }
      expect(verdictOf(each, tokens)).toMatchObject({ passed: false, n: 400 })
    }
    expect(runGateToData(back)).toEqual(runGateToData(gate))
  })
})

describe('a score, of which more is better', () => {
  const harm = 'harm/judge_score/content_ab/beyond_margin'
  const score = (mean: number) => Math.min(1, Math.max(0, mean + 0.3 * (uniform() - 0.5)))

  it('latches when it falls beyond its margin, with the difference as people read it', () => {
    const gate = fed(scorePlan, 'judge_score', 400, () => [score(0.7), score(0.45)])
    expect(judge(gate, stage)).toMatchObject({ outcome: 'rollback', breach: { test: harm } })
    expect(verdictOf(gate, harm)?.estimate).toBeLessThan(-0.2)
  })

  it('is better when it rises, and passes', () => {
    const gate = fed(scorePlan, 'judge_score', 400, () => [score(0.5), score(0.75)])
    expect(verdictOf(gate, harm)).toMatchObject({ state: 'better' })
    expect(verdictOf(gate, 'advance/shadow/judge_score/content_ab')).toMatchObject({ passed: true })
    expect(judge(gate, stage).outcome).toBe('advance')
  })

  it('waits for the judge before its bounds are frozen', () => {
    const gate = createRunGate('run', scorePlan, limits)
    for (let index = 0; index < 100; index += 1)
      accept(gate, again(sampleEvidence(index), [{ name: 'refusal', baseline: 0, candidate: 0 }]), 0, 0)
    enterThrough(gate, 80_000_000)
    const answer = judge(gate, stage)
    expect(answer).toMatchObject({ outcome: 'hold', reasonCode: 'CALIBRATING' })
    expect(answer.reason).toMatch(/judge_score: judge:v3 has judged 0 A\/A pairs, 50 are needed/)
  })

  it('does not pass when it has fallen by its margin', () => {
    const gate = fed(scorePlan, 'judge_score', 2_000, () => [score(0.7), score(0.595)])
    expect(verdictOf(gate, 'advance/shadow/judge_score/content_ab')).toMatchObject({ passed: false, looksSpent: 0 })
  })
})
