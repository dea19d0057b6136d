import { describe, expect, it } from 'vitest'
import type { Arm, Evidence } from '../events/records.ts'
import { type SeededRandom, seededRandom } from '../stats/bootstrap/seeded-random.ts'
import { farringtonManning } from '../stats/farrington-manning.ts'
import { stratifiedScore } from '../stats/unpaired/stratified-score.ts'
import { lookIfDue } from './advance-looks.ts'
import { type AdvanceState, addUnit, armsOf, createAdvanceState } from './advance-state.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import type { ArmCounts } from './live-strata.ts'
import { advanceVerdict } from './metric-verdicts.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'
import { misleadingMix, mixEstimates } from './traffic-mix.ts'

const limits = { waitingMax: 200_000, unitsMax: 1_000_000 }
const muted = { role: 'muted' } as const
const margin = 0.05
const plan = compilePlan(
  sampleSpec({
    slices: { search: false },
    metrics: {
      error: { margin: { absolute: margin }, assumedRate: 0.1, onBreach: 'review', mustHaveData: true },
      fast_error: muted,
      refusal: muted,
      fast_refusal: muted,
      abandoned: muted,
      latency_over_budget: muted,
      ttft_over_budget: muted,
    },
  }),
)
const test = plan.advance.find((each) => each.engine === 'farrington_manning')
if (test === undefined) throw new Error('the plan has no unpaired test')

interface Rule {
  readonly rule: string
  readonly weight: number
  readonly baseRate: number
}

function single(index: number, rule: string, weight: number, arm: Arm, change: Partial<Evidence> = {}): Evidence {
  const place = { ...sampleEvidence(0).place, stage: 'canary', rule, candidate_weight: weight }
  return sampleEvidence(index, { place, comparison: 'live_ab', arm, ...change })
}

/** A stage whose units come from the rules in equal parts, until its looks are over; `harm` is added to each rule's rate. */
function stageOf(random: SeededRandom, rules: readonly Rule[], harm: number): AdvanceState {
  const state = createAdvanceState()
  for (let index = 0; index < 40_000 && !state.passed && state.statistics.length < plan.looks.length; index += 1) {
    const of = rules[index % rules.length]
    if (of === undefined) continue
    const arm: Arm = random.uniform() * 100_000 < of.weight ? 'candidate' : 'baseline'
    const rate = arm === 'candidate' ? of.baseRate + harm : of.baseRate
    addUnit(state, single(index, of.rule, of.weight, arm), arm, random.uniform() < rate)
    lookIfDue(test as NonNullable<typeof test>, state, plan, null)
  }
  return state
}

function passesOf(name: string, runs: number, rules: readonly Rule[], harm: number) {
  let [passes, pooled] = [0, 0]
  for (let run = 0; run < runs; run += 1) {
    const state = stageOf(seededRandom(`${name}-${run}`), rules, harm)
    if (state.passed) passes += 1
    if (farringtonManning({ ...armsOf(state), difference: margin }).z <= -1.76) pooled += 1
  }
  return { passes, pooled }
}

describe('an advance over rules of different shares', () => {
  const frail = [
    { rule: 'robust', weight: 10_000, baseRate: 0.02 },
    { rule: 'frail', weight: 50_000, baseRate: 0.2 },
  ]
  const sturdy = [
    { rule: 'robust', weight: 50_000, baseRate: 0.02 },
    { rule: 'frail', weight: 10_000, baseRate: 0.2 },
  ]

  it('lets a harmless candidate pass whose units come more often from where more fails anyway', () => {
    const { passes, pooled } = passesOf('harmless', 20, frail, 0)
    expect(passes).toBeGreaterThanOrEqual(18)
    expect(pooled).toBe(0)
  })

  it('keeps its level at the margin where the pooled rates would let every candidate pass', () => {
    const { passes, pooled } = passesOf('at the margin', 40, sturdy, margin)
    expect(passes).toBeLessThanOrEqual(4)
    expect(pooled).toBe(40)
  })

  it('shows the difference within the rules, and its interval', () => {
    const gate = createRunGate('run', plan, limits)
    const state = stageOf(seededRandom('shown'), frail, 0)
    const shown = advanceVerdict(gate, 'all', test, state)
    expect(Math.abs(shown.estimate ?? 1)).toBeLessThan(0.03)
    expect(shown.intervalLow).toBeLessThan(shown.estimate ?? 0)
    expect(shown.intervalHigh).toBeLessThan(margin + 0.01)
    expect(shown.candidateValue).toBeLessThan(0.16)
  })

  it('is the score test of one table when there is one rule, to the bit', () => {
    const state = stageOf(seededRandom('one rule'), [{ rule: 'all', weight: 30_000, baseRate: 0.1 }], 0.03)
    // The stage ends with the very unit at which it looked last.
    expect(state.statistics.length).toBeGreaterThan(0)
    expect(state.statistics.at(-1)).toBe(farringtonManning({ ...armsOf(state), difference: margin }).z)
    const arms = armsOf(state)
    expect(stratifiedScore([arms], margin)).toBeCloseTo(farringtonManning({ ...arms, difference: margin }).z, 9)
    const empty = { candidateEvents: 0, candidateUnits: 0, baselineEvents: 3, baselineUnits: 9 }
    expect(stratifiedScore([arms, empty], margin)).toBe(stratifiedScore([arms], margin))
    expect(stratifiedScore([empty], margin)).toBe(0)
  })
})

describe('the mix of traffic in the live arms', () => {
  const stage: StageView = {
    wave: 'all',
    stageEntry: 1,
    stageName: 'canary',
    candidateWeight: 50_000,
    approved: false,
  }
  const id = `all/1/${test.id}`

  /** Two tiers of different error rates; `share` is the candidate's true share of each, which the split believes to be one half. */
  function canary(seed: string, share: Readonly<Record<string, number>>, units = 6_000): RunGate {
    const random = seededRandom(seed)
    const gate = createRunGate('run', plan, limits)
    for (let index = 0; index < units; index += 1) {
      const tier = random.uniform() < 0.5 ? 'enterprise' : 'free'
      const arm: Arm = random.uniform() < (share[tier] ?? 0) ? 'candidate' : 'baseline'
      const failed = random.uniform() < (tier === 'enterprise' ? 0.02 : 0.2) ? 1 : 0
      const value = { name: 'error', baseline: null, candidate: null, [arm]: failed }
      accept(gate, single(index, 'all', 50_000, arm, { segments: { tier }, metrics: [value] }), 0, index)
    }
    enterThrough(gate, Number.MAX_SAFE_INTEGER)
    return gate
  }

  it('goes to a person with both numbers when it differs between the arms', () => {
    const gate = canary('skewed', { enterprise: 0.7, free: 0.3 })
    const { outcome, reasonCode, reason } = judge(gate, stage)
    expect({ outcome, reasonCode }).toEqual({ outcome: 'review', reasonCode: 'TRAFFIC_MIX' })
    expect(reason).toMatch(
      /^error on live_ab: the candidate differs by -\d\.\d points over all units, but by -?0\.\d points within equal segments and hours \(2 strata\): the mix of traffic differs between the arms and misleads$/,
    )
    expect(judge(gate, { ...stage, approved: true }).reasonCode).not.toBe('TRAFFIC_MIX')
    const data = JSON.parse(JSON.stringify(runGateToData(gate)))
    const restored = runGateFromData('run', plan, limits, data)
    expect(restored === null ? null : judge(restored, stage).reason).toBe(reason)
  })

  /** What is said of one rule with two mixes, of so many units and events each. */
  function saidOf(mixes: Readonly<Record<string, ArmCounts>>): string | null {
    const all = { candidateEvents: 0, candidateUnits: 0, baselineEvents: 0, baselineUnits: 0 }
    for (const counts of Object.values(mixes))
      for (const key of Object.keys(all) as (keyof ArmCounts)[]) all[key] += counts[key]
    const gate = createRunGate('run', plan, limits)
    const units = { baseline: all.baselineUnits, candidate: all.candidateUnits }
    gate.advance.set(id, { ...createAdvanceState(), units, strata: { 'all/50000': { all, mixes: { ...mixes } } } })
    return misleadingMix(gate, stage, plan.advance)
  }

  /** Mixes with equal rates within, 0 and one half, that fall to the arms 2 : 1 and 1 : 2. */
  const uneven = (times: number) => ({
    good: { candidateEvents: 0, candidateUnits: 40 * times, baselineEvents: 0, baselineUnits: 20 * times },
    bad: {
      candidateEvents: 10 * times,
      candidateUnits: 20 * times,
      baselineEvents: 20 * times,
      baselineUnits: 40 * times,
    },
  })

  it('needs more units than a distance that chance explains', () => {
    expect(saidOf(uneven(1))).toBeNull()
    expect(saidOf(uneven(4))).toContain('differs by -16.7 points over all units')
  })

  it('is not said of a distance below half the margin, however well it is proven', () => {
    const tilted = (more: number) => ({
      good: {
        candidateEvents: 20 * (500 + more),
        candidateUnits: 1_000 * (500 + more),
        baselineEvents: 20 * (500 - more),
        baselineUnits: 1_000 * (500 - more),
      },
      bad: {
        candidateEvents: 200 * (500 - more),
        candidateUnits: 1_000 * (500 - more),
        baselineEvents: 200 * (500 + more),
        baselineUnits: 1_000 * (500 + more),
      },
    })
    expect(saidOf(tilted(60))).toBeNull()
    expect(saidOf(tilted(80))).toContain('differs by -2.9 points')
  })

  it('says nothing of a fair split, whose estimates lie apart by as much as their error says', () => {
    const distances = Array.from({ length: 30 }, (_, run) => {
      const gate = canary(`fair-${run}`, { enterprise: 0.5, free: 0.5 }, 3_000)
      expect(judge(gate, stage).reasonCode).not.toBe('TRAFFIC_MIX')
      const estimates = mixEstimates(gate.advance.get(id)?.strata ?? {})
      return estimates === null ? Number.NaN : (estimates.byRule - estimates.byMix) / estimates.error
    })
    const spread = Math.sqrt(distances.reduce((sum, z) => sum + z * z, 0) / distances.length)
    expect(spread).toBeGreaterThan(0.6)
    expect(spread).toBeLessThan(1.4)
  })
})
