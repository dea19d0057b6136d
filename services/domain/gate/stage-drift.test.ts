import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { compilePlan } from './compile-plan.ts'
import { driftOf, type HourCounts, noteHour } from './hourly-discordance.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough, noteApprovals, type RunGate } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { onlyDeciding, refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const limits = { waitingMax: 20_000, unitsMax: 100_000 }
const metrics = onlyDeciding({ refusal: { margin: { absolute: 0.05 }, assumedRate: 0.2, onBreach: 'review' } })
// Pairs alone decide: the live arms of the same metric are left out.
const compiled = compilePlan(sampleSpec({ metrics }))
const plan = { ...compiled, advance: compiled.advance.filter(({ comparison }) => comparison === 'content_ab') }

/** `n` pairs of one stage entry; of each hundred `worse` are bad under the candidate alone and `better` under the baseline alone. */
function pairs(entry: number, n: number, worse: number, better: number): readonly Evidence[] {
  const candidateWeight = entry === 1 ? 0 : 10_000
  return Array.from({ length: n }, (_, i) => {
    const place = {
      run: 'run',
      wave: 'all',
      stage_entry: entry,
      stage: `s${entry}`,
      epoch: entry,
      rule: 'all',
      candidate_weight: candidateWeight,
    }
    const at = i % 100
    const outcome = refusal(at >= 50 && at < 50 + better ? 1 : 0, at < worse ? 1 : 0)
    return sampleEvidence(entry * 10_000 + i, { place, metrics: [outcome] })
  })
}

function stageOf(entry: number): StageView {
  return {
    wave: 'all',
    stageEntry: entry,
    stageName: `s${entry}`,
    candidateWeight: entry === 1 ? 0 : 10_000,
    approved: false,
  }
}

function fed(evidence: readonly Evidence[], gate = createRunGate('run', plan, limits)): RunGate {
  for (const [offset, entry] of evidence.entries()) accept(gate, entry, 0, offset)
  enterThrough(gate, Number.MAX_SAFE_INTEGER)
  return gate
}

describe('drift over stages', () => {
  it('goes to a person with the numbers of every stage, and asks of numbers that stand still', () => {
    const gate = fed([...pairs(1, 4_000, 5, 10), ...pairs(2, 4_000, 7, 5)])
    const answer = judge(gate, stageOf(2))
    expect(answer).toMatchObject({ outcome: 'review', reasonCode: 'STAGE_DRIFT' })
    expect(answer.reason).toMatch(
      /^refusal on content_ab is not the same in all stages \(Q test, p = \S+\): entry 1: −\d\.\d\d points, n = \d+; entry 2: \+\d\.\d\d points, n = \d+$/,
    )
    const { length } = pairs(1, 4_000, 5, 10)
    expect(length).toBeGreaterThan(gate.advance.get('all/1/advance/shadow/refusal/content_ab')?.passedWith?.n ?? length)
  })

  it('is silent where the stages agree, and in the first stage', () => {
    expect(judge(fed([...pairs(1, 4_000, 5, 5), ...pairs(2, 4_000, 6, 5)]), stageOf(2)).outcome).toBe('advance')
    expect(judge(fed(pairs(1, 4_000, 5, 10)), stageOf(1)).outcome).toBe('advance')
  })

  it('is not asked again of an entry that a person approved, and what lies before it is not held against later ones', () => {
    const evidence = [...pairs(1, 4_000, 5, 10), ...pairs(2, 4_000, 5, 5), ...pairs(3, 4_000, 5, 5)]
    const gate = fed(evidence)
    expect(judge(gate, { ...stageOf(2), approved: true }).outcome).toBe('advance')
    expect(judge(gate, stageOf(3)).reasonCode).toBe('STAGE_DRIFT')
    noteApprovals(gate, [{ wave: 'all', stageEntry: 2 }])
    expect(judge(gate, stageOf(3)).outcome).toBe('advance')
  })
})

describe('drift over hours', () => {
  const hour = 3_600_000

  it('rings when the candidate becomes worse at some hour, whatever the clean hours before, and not without', () => {
    const hours: HourCounts[] = []
    for (let at = 0; at < 100; at += 1)
      for (let i = 0; i < 10; i += 1) noteHour(hours, at * hour + i, i % 2, (i + 1) % 2)
    expect(driftOf(hours)).toMatchObject({ hours: 100, netNow: 0, alarmAtMs: null })
    for (let at = 100; at < 106; at += 1)
      for (let i = 0; i < 10; i += 1) noteHour(hours, at * hour + i, i === 0 ? 1 : 0, i === 0 ? 0 : 1)
    const drift = driftOf(hours)
    expect(drift?.netNow).toBe(8)
    expect(drift?.alarmAtMs).toBeGreaterThanOrEqual(100 * hour)
    expect(drift?.alarmAtMs).toBeLessThan(106 * hour)
  })

  it('counts hours without pairs, keeps two weeks, and takes a straggler into its own hour', () => {
    const hours: HourCounts[] = []
    noteHour(hours, 10 * hour, 0, 1)
    noteHour(hours, 12 * hour, 0, 1)
    noteHour(hours, 10 * hour + 1, 1, 0)
    expect(hours).toEqual([
      { hour: 10, x: 1, y: 1 },
      { hour: 12, x: 1, y: 0 },
    ])
    expect(driftOf(hours)?.hours).toBe(3)
    noteHour(hours, 10_000 * hour, 0, 0)
    expect(driftOf(hours)?.hours).toBe(336)
  })

  it('is part of the verdict and survives a restart', () => {
    const gate = fed(pairs(1, 200, 5, 5))
    const shown = judge(gate, stageOf(1)).metrics.find(({ drift }) => drift !== undefined)
    expect(shown).toMatchObject({ metric: 'refusal', drift: { hours: 1, threshold: 8_760, alarmAtMs: null } })
    const restored = runGateFromData('run', plan, limits, JSON.parse(JSON.stringify(runGateToData(gate))))
    if (restored === null) throw new Error('the snapshot was refused')
    expect(judge(restored, stageOf(1)).metrics).toEqual(judge(gate, stageOf(1)).metrics)
  })
})
