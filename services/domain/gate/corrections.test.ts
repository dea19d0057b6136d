import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { replayVerdict } from './replay-verdict.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { onlyDeciding, refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'
import type { Verdict } from './verdict.ts'

const limits = { waitingMax: 10_000, unitsMax: 100_000 }
const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
const metrics = onlyDeciding({
  refusal: { margin: { absolute: 0.3 }, assumedRate: 0.3 },
  golden_wrong: { role: 'signal', margin: { absolute: 0.4 } },
})
const plan = compilePlan(specWithGolden())
const refusalTest = 'harm/refusal/content_ab/paired_binary'

/** Quality decides by betting, whose state depends on the order of the pairs. */
function specWithGolden() {
  const spec = sampleSpec({ metrics })
  const decides = { role: 'guardrail', mustHaveData: false } as const
  return { ...spec, metrics: spec.metrics.map((m) => (m.name === 'golden_wrong' ? { ...m, ...decides } : m)) }
}

const hourMs = 3_600_000

function pair(index: number, bad: readonly [number, number], change: Partial<Evidence> = {}): Evidence {
  const [baseline, candidate] = bad
  const golden = { name: 'golden_wrong', baseline, candidate }
  return sampleEvidence(index, { metrics: [refusal(baseline, candidate), golden], ...change })
}

function fed(evidence: readonly Evidence[]): RunGate {
  const gate = createRunGate('run', plan, limits)
  for (const entry of evidence) accept(gate, entry, 0, 0)
  enterThrough(gate, Number.MAX_SAFE_INTEGER / 2)
  return gate
}

function harmOf(gate: RunGate) {
  return [...gate.harm].map(([id, { mixture, logE, rejectedAtMs }]) => ({ id, mixture, logE, rejectedAtMs }))
}

const outcome = fc.constantFrom([0, 0], [0, 1], [1, 0], [1, 1]) as fc.Arbitrary<[number, number]>

describe('a newer version of a pair that has entered', () => {
  it('leaves every e-process and every count where the corrected sequence would have led, over hours and stopped restarts', () => {
    fc.assert(
      fc.property(
        fc.array(outcome, { minLength: 5, maxLength: 140 }),
        fc.array(fc.tuple(fc.nat(), outcome), { maxLength: 4 }),
        (outcomes, corrections) => {
          const mild = outcomes.map((bad, i): [number, number] => (i % 3 === 0 ? bad : [0, 0]))
          const at = (index: number) => ({ arrived_at: 1_000_000 + index * hourMs })
          const first = mild.map((bad, index) => pair(index, bad, at(index)))
          const gate = fed(first)
          fc.pre(gate.breaches.length === 0)
          const final = [...first]
          for (const [version, [which, bad]] of corrections.entries()) {
            const index = which % final.length
            const corrected = pair(index, bad, { ...at(index), version: version + 1 })
            final[index] = corrected
            accept(gate, corrected, 0, 0)
          }
          const expected = fed(final)
          fc.pre(gate.breaches.length === 0 && expected.breaches.length === 0)
          const values = (of: RunGate) => harmOf(of).map(({ id, mixture, logE }) => ({ id, mixture, logE }))
          expect(values(gate)).toEqual(values(expected))
          const tables = (of: RunGate) => [...of.advance].map(([id, { table }]) => [id, table])
          expect(tables(gate)).toEqual(tables(expected))
          expect(gate.hours).toEqual(expected.hours)
          expect(gate.searches).toEqual(expected.searches)
          expect(gate.counts.uncorrectable).toBe(0)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('moves in every searched slice that holds it, whether it came before the slices were chosen or after', () => {
    const segments = (index: number) => ({ tier: index % 3 === 0 ? 'gold' : 'free', task: `task-${index % 40}` })
    const at = (index: number) => ({ segments: segments(index), arrived_at: 1_000_000 + index * 60_000 })
    const first = Array.from({ length: 1_400 }, (_, i) => pair(i, [0, i % 50 === 0 ? 1 : 0], at(i)))
    const corrected = new Map([3, 600, 999, 1_000, 1_350].map((i) => [i, pair(i, [1, 0], { ...at(i), version: 1 })]))
    const gate = fed(first)
    expect(gate.searches.get('all')?.slices?.length).toBeGreaterThan(20)
    const before = structuredClone(gate.searches.get('all')?.counts)
    for (const version of corrected.values()) accept(gate, version, 0, 0)
    const expected = fed(first.map((entry, i) => corrected.get(i) ?? entry))
    expect(gate.searches.get('all')?.counts).toEqual(expected.searches.get('all')?.counts)
    expect(gate.searches.get('all')?.counts).not.toEqual(before)
    expect(gate.hours).toEqual(expected.hours)
    expect(gate.counts.uncorrectable).toBe(0)
  })

  it('of a pair that a test about all traffic thins out still moves in the searched slices', () => {
    const thinned = compilePlan({ ...specWithGolden(), inclusionMin: 0.01 })
    const gate = createRunGate('run', thinned, limits)
    const evidence = Array.from({ length: 50 }, (_, i) => pair(i, [0, 0], { inclusion_p: 1 }))
    for (const entry of evidence) accept(gate, entry, 0, 0)
    enterThrough(gate, Number.MAX_SAFE_INTEGER / 2)
    expect(gate.harm.get(refusalTest)?.mixture.added).toBeLessThan(10)
    for (let i = 0; i < 50; i += 1) accept(gate, pair(i, [0, 1], { version: 1 }), 0, 0)
    const [waiting] = gate.searches.get('all')?.waiting.values() ?? []
    // Per question: neither, only the baseline, only the candidate, both.
    expect(waiting?.counts).toEqual([0, 0, 50, 0, 0, 0, 50, 0])
    expect(gate.counts).toMatchObject({ corrected: 50, uncorrectable: 0 })
  })

  it('that has other attributes than what it corrects changes nothing and is counted as not to be applied', () => {
    const gate = fed(Array.from({ length: 50 }, (_, i) => pair(i, [0, 0])))
    const before = JSON.stringify(runGateToData(gate).searches)
    accept(gate, pair(7, [0, 1], { version: 1, tenant: 'another' }), 0, 0)
    expect(gate.counts).toMatchObject({ corrected: 1, uncorrectable: 1 })
    expect(JSON.stringify(runGateToData(gate).searches)).toBe(before)
    expect(gate.harm.get(refusalTest)?.mixture.whole.table).toMatchObject({ onlyCandidate: 0 })
  })

  it('disarms an alarm that has not fired', () => {
    const worse = Array.from({ length: 200 }, (_, i) => pair(i, [0, i % 10 === 0 ? 1 : 0]))
    const gate = fed(worse)
    expect(judge(gate, stage)).toMatchObject({ outcome: 'review', reasonCode: 'WORSE_WITHIN_MARGIN' })
    for (let i = 0; i < 150; i += 10) accept(gate, pair(i, [0, 0], { version: 1 }), 0, 0)
    expect(gate.harm.get(refusalTest)?.rejectedAtMs).toBeNull()
    expect(gate.counts).toMatchObject({ corrected: 15, uncorrectable: 0 })
    expect(judge(gate, stage)).toMatchObject({ outcome: 'hold', reasonCode: 'CORRECTIONS' })
  })

  it('never lifts a latch, and can bring one', () => {
    const gate = fed(Array.from({ length: 40 }, (_, i) => pair(i, [0, 1])))
    const [breach] = gate.breaches
    for (let i = 0; i < 40; i += 1) accept(gate, pair(i, [0, 0], { version: 1 }), 0, 0)
    expect(gate.breaches[0]).toEqual(breach)
    expect(judge(gate, stage).outcome).toBe('rollback')

    const harmless = fed(Array.from({ length: 40 }, (_, i) => pair(i, [0, 0])))
    expect(harmless.breaches).toEqual([])
    for (let i = 0; i < 40; i += 1) accept(harmless, pair(i, [0, 1], { version: 1 }), 0, 0)
    expect(harmless.breaches.map(({ action }) => action)).toContain('rollback')
  })

  it('takes back a pass that does not hold on the corrected data, and gives none', () => {
    const gate = fed(Array.from({ length: 300 }, (_, i) => pair(i, [0, 0])))
    const state = gate.advance.get('all/1/advance/shadow/refusal/content_ab')
    expect(state?.passed).toBe(true)
    const looks = state?.statistics.length
    for (let i = 0; i < 100; i += 1) accept(gate, pair(i, [0, 1], { version: 1 }), 0, 0)
    expect(state).toMatchObject({ passed: false, passedOn: null })
    expect(state?.statistics.length).toBe(looks)
    for (let i = 0; i < 100; i += 1) accept(gate, pair(i, [0, 0], { version: 2 }), 0, 0)
    expect(state?.passed).toBe(false)
  })

  it('counts once, in whatever order versions are read again, also after a restart of the gate', () => {
    const gate = fed(Array.from({ length: 50 }, (_, i) => pair(i, [0, 0])))
    const corrected = pair(7, [0, 1], { version: 2 })
    accept(gate, corrected, 0, 0)
    const restored = runGateFromData('run', plan, limits, JSON.parse(JSON.stringify(runGateToData(gate))))
    if (restored === null) throw new Error('the snapshot was not read')
    for (const again of [corrected, pair(7, [1, 0], { version: 1 })]) accept(restored, again, 0, 0)
    expect(restored.counts).toMatchObject({ corrected: 1, duplicate: 2 })
    expect(harmOf(restored)).toEqual(harmOf(gate))
    accept(restored, pair(7, [0, 0], { version: 3 }), 0, 0)
    expect(restored.harm.get(refusalTest)?.mixture.whole.table).toMatchObject({ onlyCandidate: 0, neither: 50 })
  })

  it('that lacks an outcome, or is a single, is counted as not to be applied', () => {
    const gate = fed(Array.from({ length: 50 }, (_, i) => pair(i, [0, 0])))
    accept(gate, pair(7, [0, 1], { version: 1, metrics: [] }), 0, 0)
    accept(gate, sampleEvidence(8, { version: 1, comparison: 'live_ab', arm: 'baseline', metrics: [] }), 0, 0)
    expect(gate.counts).toMatchObject({ corrected: 2, uncorrectable: 2 })
    expect(judge(gate, stage).reason).toMatch(/2 corrections of 50 entered records \(2 of them could not be applied\)/)
  })

  it('is applied by a replay at the moment at which it came, from the newest versions alone', () => {
    const evidence = Array.from({ length: 60 }, (_, i) => pair(i, [0, i % 2]))
    const gate = createRunGate('run', plan, limits)
    const frontierMs = 1_000_000 + 40 * 10 + 4_000 + plan.graceMs
    for (const entry of evidence) accept(gate, entry, 0, 0)
    enterThrough(gate, frontierMs)
    expect(gate.breaches.map(({ test }) => test)).toContain(refusalTest)
    const corrected = evidence.map((entry, i) => (i < 30 ? pair(i, [0, 0], { version: 1 }) : entry))
    for (const entry of corrected.slice(0, 30)) accept(gate, entry, 0, 0)
    enterThrough(gate, frontierMs + 100)
    const { outcome, reasonCode, reason, metrics: numbers, n, nRequired } = judge(gate, stage)
    const verdict: Verdict = {
      ...{ outcome, reasonCode, reason, metrics: numbers, n, nRequired },
      ...{ etaAtMs: 1, frontierMs: frontierMs + 100, latch: null, frozen: null, planHash: plan.hash },
      ...{ evidenceOffsets: {}, codeVersion: 'test', gate: 'gate', judged: stage, limits, seed: 'run' },
      counts: { ...gate.counts },
      corrections: [...gate.corrections],
    }
    expect(replayVerdict('run', plan, verdict, corrected)).toBeNull()
    expect(replayVerdict('run', plan, verdict, [...corrected, ...evidence])).toBeNull()
    expect(replayVerdict('run', plan, { ...verdict, corrections: [] }, corrected)).not.toBeNull()
  })
})
