import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { compilePlan } from './compile-plan.ts'
import { judge } from './judge.ts'
import { replayVerdict } from './replay-verdict.ts'
import { accept, createRunGate, enterThrough, releaseTimeOf } from './run-gate.ts'
import { refusal, sampleEvidence, sampleSpec } from './sample-evidence.ts'
import type { StageView } from './stage-view.ts'
import type { Verdict } from './verdict.ts'

const roomy = { waitingMax: 10_000, unitsMax: 100_000 }
const judged: StageView = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
const signal = { role: 'signal' } as const
const refusalTest = 'harm/refusal/content_ab/paired_binary'

const plan = compilePlan(
  sampleSpec({ metrics: { error: signal, fast_error: signal, fast_refusal: signal, abandoned: signal } }),
)

function pair(index: number, candidate: number): Evidence {
  return sampleEvidence(index, { metrics: [refusal(0, candidate)] })
}

const evidence = Array.from({ length: 60 }, (_, index) => pair(index, index % 3 === 0 ? 1 : 0))
/** Everything but the last pair had entered when the gate spoke. */
const frontierMs = 1_000_000 + 58 * 10 + 1_000 + 3_000 + plan.graceMs

/** What a running gate puts on record, after a journey through JSON as every record makes it. */
function recorded(limits = roomy, waitsMs = 0): Verdict {
  const gate = createRunGate('run', plan, limits)
  for (const [offset, record] of evidence.entries()) {
    accept(gate, record, 0, offset)
    enterThrough(gate, Math.min(record.arrived_at + waitsMs, frontierMs))
  }
  enterThrough(gate, frontierMs)
  const { outcome, reasonCode, reason, metrics, n, nRequired } = judge(gate, judged)
  const verdict: Verdict = {
    ...{ outcome, reasonCode, reason, metrics, n, nRequired },
    etaAtMs: 1,
    frontierMs,
    latch: null,
    frozen: null,
    planHash: plan.hash,
    evidenceOffsets: { '0': 60 },
    codeVersion: 'test',
    gate: 'gate',
    judged,
    limits,
    counts: { ...gate.counts },
    seed: 'run',
  }
  return JSON.parse(JSON.stringify(verdict)) as Verdict
}

describe('the replay of a verdict', () => {
  const verdict = recorded()

  it('comes to the very same numbers, in whatever order the evidence lies, with repetitions and what came later', () => {
    expect(verdict.counts?.entered).toBe(59)
    expect(verdict.metrics.find(({ test }) => test === refusalTest)?.eValue).toBeGreaterThan(1)
    expect(replayVerdict('run', plan, verdict, evidence)).toBeNull()
    const other = { ...pair(900, 1), place: { ...pair(900, 1).place, run: 'another' } }
    const mixed = [...evidence].reverse().concat(evidence.slice(3, 9), other, pair(500, 1))
    expect(replayVerdict('run', plan, verdict, mixed)).toBeNull()
  })

  it('names the field when one value of the evidence is another', () => {
    const changed = evidence.map((record, index) => (index === 3 ? pair(3, 0) : record))
    expect(replayVerdict('run', plan, verdict, changed)?.field).toMatch(/^(reason|metrics\.harm\/refusal\/)/)
    const inNumbersAlone = { ...verdict, reason: 'x', outcome: 'hold', reasonCode: 'y' } as const
    expect(replayVerdict('run', plan, inNumbersAlone, evidence)).toMatchObject({ field: 'outcome' })
    const estimate = (record: Verdict['metrics'][number]) =>
      record.test === refusalTest ? { ...record, estimate: (record.estimate ?? 0) + 2 ** -50 } : record
    const lastBit = { ...verdict, metrics: verdict.metrics.map(estimate) }
    expect(replayVerdict('run', plan, lastBit, evidence)).toMatchObject({ field: `metrics.${refusalTest}.estimate` })
  })

  it('takes more evidence than may wait at once: the gate entered it as it came', () => {
    const small = recorded({ ...roomy, waitingMax: 10 }, releaseTimeOf(plan, pair(0, 0)) - pair(0, 0).arrived_at)
    expect(small.counts).toMatchObject({ entered: 59, refused: 0 })
    expect(replayVerdict('run', plan, small, evidence)).toBeNull()
  })

  it('says so when evidence is missing, or the plan is not the one of the record', () => {
    expect(replayVerdict('run', plan, verdict, evidence.slice(1))).toEqual({
      field: 'counts.entered',
      recorded: '59',
      recomputed: '58',
    })
    expect(replayVerdict('run', { ...plan, unitsMin: 1 }, verdict, evidence)?.field).toBe('planHash')
    const { judged: _, ...older } = verdict
    expect(replayVerdict('run', plan, older, evidence)).toMatchObject({ field: 'judged', recorded: 'nothing' })
  })
})
