import { expect, it } from 'vitest'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { accept, createRunGate, enterThrough } from './run-gate.ts'
import { refusal, refusalDecides, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'

const day = 86_400_000

function passedGate() {
  const metrics = refusalDecides
  const gate = createRunGate('run', compilePlan(sampleSpec({ metrics })), { waitingMax: 10_000, unitsMax: 100_000 })
  for (let index = 0; index < 1_500; index += 1) {
    const metrics = [refusal(index % 20 === 0 ? 1 : 0, index % 20 === 10 ? 1 : 0)]
    accept(gate, sampleEvidence(index, { metrics }), 0, index)
  }
  return gate
}

const stage: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }

it('a stage that has passed waits for its whole period on the clock of the log, and says until when', () => {
  const gate = passedGate()
  const untilMs = 1_000_000 + day
  const seasonal = { ...stage, wholePeriod: { periodMs: day, untilMs } }
  enterThrough(gate, untilMs - 1)
  expect(judge(gate, stage).outcome).toBe('advance')
  expect(judge(gate, seasonal)).toMatchObject({
    outcome: 'hold',
    reasonCode: 'WHOLE_PERIOD',
    reason: 'all questions passed; waits for the whole period until 1970-01-02T00:16:40Z (whole periods of 1d)',
    notBeforeMs: untilMs,
  })
  enterThrough(gate, untilMs)
  expect(judge(gate, seasonal).outcome).toBe('advance')
})

it('a stage that the routers have not started waits however much evidence there is', () => {
  const gate = passedGate()
  enterThrough(gate, 10 * day)
  const waiting = { ...stage, wholePeriod: { periodMs: day, untilMs: null } }
  expect(judge(gate, waiting)).toMatchObject({ outcome: 'hold', reasonCode: 'WHOLE_PERIOD', notBeforeMs: null })
})
