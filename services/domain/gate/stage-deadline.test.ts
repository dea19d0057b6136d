import { expect, it } from 'vitest'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough } from './run-gate.ts'
import { refusal, refusalDecides, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const deadlineMs = 1_000_000
const stage: StageView = {
  wave: 'all',
  stageEntry: 1,
  stageName: 'shadow',
  candidateWeight: 0,
  approved: false,
  deadlineMs,
}

/** A gate with so many harmless pairs, which has read that far. */
function gateWith(pairs: number, throughMs: number) {
  const gate = createRunGate('run', compilePlan(sampleSpec({ metrics: refusalDecides })), {
    waitingMax: 10_000,
    unitsMax: 100_000,
  })
  for (let index = 0; index < pairs; index += 1)
    accept(gate, sampleEvidence(index, { arrived_at: index, metrics: [refusal(0, 0)] }), 0, index)
  enterThrough(gate, throughMs)
  return gate
}

it('holds for too few units until the stage has lasted as long as it may, and then asks a person', () => {
  expect(judge(gateWith(30, deadlineMs - 1), stage)).toMatchObject({ outcome: 'hold', reasonCode: 'FEW_UNITS' })
  const due = judge(gateWith(30, deadlineMs), stage)
  expect(due).toMatchObject({ outcome: 'review', reasonCode: 'MAX_DURATION' })
  expect(due.reason).toContain('30 units of refusal on content_ab, at least 40 are needed')
})

it('says which difference could be seen with the units there are', () => {
  const { reason, n, nRequired } = judge(gateWith(100, deadlineMs), stage)
  const seen = (5 * Math.sqrt((nRequired ?? 0) / n)).toFixed(1)
  expect(reason).toMatch(
    new RegExp(
      `100 pairs can show a difference of ${seen.replace('.', '\\.')} points in refusal on content_ab; the margin is 5\\.0`,
    ),
  )
})

it('asks no second time for what a person has approved, and never ends a bake', () => {
  expect(judge(gateWith(30, deadlineMs), { ...stage, approved: true }).outcome).toBe('hold')
  expect(judge(gateWith(30, deadlineMs), { ...stage, candidateWeight: 100_000 }).outcome).toBe('hold')
})
