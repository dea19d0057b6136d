import { describe, expect, it } from 'vitest'
import { compilePlan } from './compile-plan.ts'
import { createCompleteness, noteLegs } from './completeness.ts'
import { imbalanceOf } from './completeness-balance.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough } from './run-gate.ts'
import { refusal, refusalDecides, sampleEvidence, sampleSpec } from './sample-evidence.ts'

const none = { baseline: 0, candidate: 0 }

/** Legs of two live arms: planned and lost. */
function arms(planned: number, lostBaseline: number, lostCandidate: number) {
  const heard = { baseline: planned - lostBaseline, candidate: planned - lostCandidate }
  return { planned: { baseline: planned, candidate: planned }, heard, lostAlone: none }
}

describe('completeness of the two arms', () => {
  it('holds the gate with numbers when pairs lose one arm, though each arm has enough', () => {
    const metrics = refusalDecides
    const gate = createRunGate('run', compilePlan(sampleSpec({ metrics })), { waitingMax: 10_000, unitsMax: 100_000 })
    for (let i = 0; i < 2_000; i += 1) {
      const lost = i % 100 === 99
      const outcome = refusal(i % 20 === 0 ? 1 : 0, i % 20 === 10 ? 1 : 0)
      const change = lost ? { candidate_resolution: null, metrics: [] } : { metrics: [outcome] }
      accept(gate, sampleEvidence(i, change), 0, i)
    }
    enterThrough(gate, Number.MAX_SAFE_INTEGER)
    const stage = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
    expect(judge(gate, stage)).toMatchObject({
      outcome: 'hold',
      reasonCode: 'UNEQUAL_COMPLETENESS',
      reason:
        'content_ab has lost 20 of 2000 legs of the candidate and 0 of 2000 legs of the baseline: proven unequal (p < .001), so what is missing may be what differs',
    })
  })

  it('is not asked of legs that were lost together, nor of a difference too small to matter', () => {
    const completeness = createCompleteness()
    const lost = { baseline_resolution: null, candidate_resolution: null }
    for (let i = 0; i < 1_000; i += 1) noteLegs(completeness, sampleEvidence(i, i % 50 === 0 ? lost : {}))
    expect(completeness.lostAlone).toEqual(none)
    expect(imbalanceOf(completeness, true, 0)).toBeNull()
    expect(imbalanceOf(arms(1_000_000, 0, 4_000), false, 0.005)).toBeNull()
    expect(imbalanceOf(arms(1_000_000, 0, 6_000), false, 0.005)).not.toBeNull()
  })

  it('tells live arms apart in either direction, and waits where a few losses say little', () => {
    expect(imbalanceOf(arms(5_000, 0, 75), false, 0.005)).toEqual({
      lost: { baseline: 0, candidate: 75 },
      planned: { baseline: 5_000, candidate: 5_000 },
    })
    expect(imbalanceOf(arms(5_000, 75, 0), false, 0.005)).not.toBeNull()
    expect(imbalanceOf(arms(200, 0, 3), false, 0.005)).toBeNull()
  })

  it('keeps its level however often it is asked: equal arms are hardly ever called unequal', () => {
    let state = 7
    const uniform = () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      return state / 2_147_483_648
    }
    let alarms = 0
    for (let run = 0; run < 100; run += 1) {
      const lostAlone = { baseline: 0, candidate: 0 }
      for (let i = 0; i < 200; i += 1) {
        lostAlone[uniform() < 0.5 ? 'baseline' : 'candidate'] += 1
        const heard = { baseline: 2_000 - lostAlone.baseline, candidate: 2_000 - lostAlone.candidate }
        const planned = { baseline: 2_000, candidate: 2_000 }
        if (imbalanceOf({ planned, heard, lostAlone }, true, 0) === null) continue
        alarms += 1
        break
      }
    }
    // 100 runs at .001 each: more than two have a chance of 1 in 6,000.
    expect(alarms).toBeLessThanOrEqual(2)
  })
})
