import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough, type RunGate } from './run-gate.ts'
import { runGateFromData, runGateToData } from './run-gate-data.ts'
import { onlyDeciding, refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'

const limits = { waitingMax: 20_000, unitsMax: 100_000 }

function planWith(carryOver: boolean) {
  const metrics = onlyDeciding({ refusal: { margin: { absolute: 0.05 }, assumedRate: 0.1, onBreach: 'review' } })
  return compilePlan(sampleSpec({ metrics, statistics: { carryOver } }))
}

/** `n` pairs of the shadow (entry 1) or of a canary at 10 %; of each hundred `worse` bad under the candidate alone, `better` under the baseline alone. */
function pairs(entry: number, n: number, worse: number, better: number): readonly Evidence[] {
  const weight = entry === 1 ? 0 : 10_000
  const base = { run: 'run', wave: 'all', stage_entry: entry, stage: 's', epoch: entry, rule: 'all' }
  return Array.from({ length: n }, (_, i) => {
    const at = (i * 37) % 100
    return sampleEvidence(entry * 10_000 + i, {
      place: { ...base, candidate_weight: weight },
      metrics: [refusal(at >= 50 && at < 50 + better ? 1 : 0, at < worse ? 1 : 0)],
    })
  })
}

function fed(plan: RunGate['plan'], evidence: readonly Evidence[]): RunGate {
  const gate = createRunGate('run', plan, limits)
  for (const [offset, entry] of evidence.entries()) accept(gate, entry, 0, offset)
  enterThrough(gate, Number.MAX_SAFE_INTEGER)
  return gate
}

const question = 'advance/canary/refusal/content_ab'
const stage = { wave: 'all', stageEntry: 2, stageName: 's', candidateWeight: 10_000, approved: false }
const shownIn = (gate: RunGate) => judge(gate, stage).metrics.find(({ test }) => test === question)

describe('pairs of the shadow stage in the canary', () => {
  it('let the question on pairs pass with few of its own where the policy says so, and only there', () => {
    const evidence = [...pairs(1, 3_000, 4, 4), ...pairs(2, 60, 4, 4)]
    expect(shownIn(fed(planWith(true), evidence))).toMatchObject({
      passed: true,
      n: 60,
      nRequired: 40,
      carried: { pairs: 3_000, used: true },
    })
    const alone = shownIn(fed(planWith(false), evidence))
    expect(alone).toMatchObject({ passed: false, n: 60, looksSpent: 0 })
    expect(alone?.carried).toBeUndefined()
  })

  it('are asked for in no question on live arms, whose users are others than those of the shadow', () => {
    const carrying = planWith(true).advance.filter(({ carriesFrom }) => carriesFrom != null)
    expect(carrying.map(({ id }) => id)).toEqual([question])
  })

  it('wait for the fewest units of the canary itself', () => {
    const shown = shownIn(fed(planWith(true), [...pairs(1, 3_000, 4, 4), ...pairs(2, 39, 4, 4)]))
    expect(shown).toMatchObject({ passed: false, looksSpent: 0, n: 39 })
  })

  it('count no longer once the stages differ: the canary stands alone, and it is said', () => {
    const shown = shownIn(fed(planWith(true), [...pairs(1, 3_000, 2, 8), ...pairs(2, 100, 12, 4)]))
    expect(shown).toMatchObject({ passed: false, looksSpent: 0, carried: { pairs: 3_000, used: false } })
  })

  it('carry nothing from a shadow stage that did not pass', () => {
    const shown = shownIn(fed(planWith(true), [...pairs(1, 400, 4, 4), ...pairs(2, 60, 4, 4)]))
    expect(shown?.passed).toBe(false)
    expect(shown?.carried).toBeUndefined()
  })

  it('are the same after a restart in the middle', () => {
    const plan = planWith(true)
    const evidence = [...pairs(1, 3_000, 4, 4), ...pairs(2, 60, 4, 4)]
    const half = createRunGate('run', plan, limits)
    for (const [offset, entry] of evidence.entries()) accept(half, entry, 0, offset)
    const cut = Number(evidence[3_010]?.arrived_at) + 5_000
    enterThrough(half, cut)
    const restored = runGateFromData('run', plan, limits, JSON.parse(JSON.stringify(runGateToData(half))))
    if (restored === null) throw new Error('the snapshot was refused')
    for (const [offset, entry] of evidence.entries()) accept(restored, entry, 0, offset)
    enterThrough(restored, Number.MAX_SAFE_INTEGER)
    expect(judge(restored, stage).metrics).toEqual(judge(fed(plan, evidence), stage).metrics)
  })
})
