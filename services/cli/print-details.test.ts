import { describe, expect, it } from 'vitest'
import type { Evidence } from '../domain/events/records.ts'
import { compilePlan } from '../domain/gate/compile-plan.ts'
import { judge } from '../domain/gate/judge.ts'
import { accept, createRunGate, enterThrough } from '../domain/gate/run-gate.ts'
import { refusal, sampleEvidence, sampleSpec } from '../domain/gate/sample-evidence.ts'
import type { SliceFinding } from '../domain/gate/slice-findings.ts'
import type { MetricVerdict, Verdict } from '../domain/gate/verdict.ts'
import { planSummary } from '../domain/policy/plan-summary.ts'
import { startedRun, startMs, togetherSpec, verdictCommand, verdictOf } from '../domain/rollout/sample-run.ts'
import { status } from '../domain/rollout/status.ts'
import { transition } from '../domain/rollout/transition.ts'
import { explanationText } from './print-details.ts'
import { metricsText } from './print-metrics.ts'

const sampleMetric: MetricVerdict = {
  ...{ test: 'advance/shadow/refusal/content_ab', metric: 'refusal', comparison: 'content_ab', slice: null },
  ...{ role: 'guardrail', state: 'unclear', estimate: 0.004, intervalLow: -0.01, intervalHigh: 0.018 },
  ...{ baselineValue: 0.02, candidateValue: 0.024, eValue: null, eThreshold: 0.01, n: 300, nRequired: 400 },
  ...{ table: null, looksSpent: 0, passed: false },
}
const muted = { role: 'muted' } as const
const nowMs = startMs + 65_000

/** What a gate and the controller make of 120 pairs in which the candidate refuses every `refusesEvery`-th time, as `explain` prints it. */
function explained(refusesEvery: number, findings: readonly SliceFinding[] = []): string {
  const metrics = {
    error: muted,
    fast_error: muted,
    fast_refusal: muted,
    abandoned: muted,
    latency_over_budget: muted,
    ttft_over_budget: muted,
  }
  const spec = sampleSpec({ routers: ['gateway-1'], metrics })
  const plan = compilePlan(spec)
  const run = { ...startedRun(spec), plan }
  const gate = createRunGate(run.id, plan, { waitingMax: 1_000, unitsMax: 1_000 })
  for (let index = 0; index < 120; index += 1) accept(gate, pair(index, index % refusesEvery === 0 ? 1 : 0), 0, index)
  enterThrough(gate, startMs + 60_000)
  const stage = { wave: 'all', stageEntry: 1, stageName: 'shadow', candidateWeight: 0, approved: false }
  const { breach: _, ...judged } = judge(gate, stage)
  const answer = { ...judged, findings }
  const verdict: Verdict = {
    ...verdictOf(answer.outcome),
    ...answer,
    planHash: plan.hash,
    frontierMs: startMs + 60_000,
  }
  const told = transition(
    run,
    { kind: 'command', command: verdictCommand(run, verdict, { id: 'c' }), successor: null },
    startMs + 60_000,
  )
  const view = { ...answer, wave: 'all', stageEntry: 1, etaAtMs: nowMs + 7_200_000, atMs: startMs + 60_000 }
  return explanationText(
    {
      status: status(told.run, [{ view, verdict }], nowMs),
      verdict,
      verdicts: [{ wave: 'all', stageEntry: 1, atMs: view.atMs, verdict }],
      decisions: told.effects.flatMap((effect) => (effect.kind === 'decision' ? [effect.decision] : [])),
      latches: [],
      acks: [],
      plan: planSummary(spec, plan),
    },
    nowMs,
  ).replaceAll(plan.hash.slice(0, 12), '<plan>')
}

/** One wave holds while another asks a person, and a third has not been judged in its present stage. */
function explainedWaves(): string {
  const stages = togetherSpec().waves[0]?.stages ?? []
  const waves = [...togetherSpec().waves, { id: 'rest', match: {}, stages }]
  let run = startedRun(togetherSpec({ waves }))
  const metric = { ...sampleMetric, looksSpent: 1 }
  const held = verdictOf('hold', {
    reasonCode: 'NEED_UNITS',
    reason: 'refusal: 300 of 400 units',
    n: 300,
    metrics: [metric],
  })
  const asks = verdictOf('review', {
    reasonCode: 'TRADE_OFF',
    reason: 'fewer errors, more refusals',
    n: 900,
    metrics: [{ ...metric, state: 'worse', n: 900 }],
  })
  const words = [
    ['consumer', held],
    ['enterprise', asks],
  ] as const
  for (const [wave, verdict] of words) {
    const command = verdictCommand(run, verdict, { wave, id: wave })
    run = transition(run, { kind: 'command', command, successor: null }, startMs + 2_000).run
  }
  const verdicts = words.map(([wave, verdict]) => ({ wave, stageEntry: 1, atMs: startMs + 60_000, verdict }))
  const gateWords = verdicts.map(({ wave, stageEntry, atMs, verdict }) => {
    const { reasonCode, reason, n, nRequired, etaAtMs } = verdict
    return { view: { wave, stageEntry, atMs, reasonCode, reason, n, nRequired, etaAtMs }, verdict }
  })
  const rest = { wave: 'rest', stageEntry: 0, atMs: startMs, verdict: held }
  const answer = { status: status(run, gateWords, nowMs), verdict: asks, verdicts: [...verdicts, rest] }
  const plan = planSummary(sampleSpec(), compilePlan(sampleSpec()))
  return explanationText({ ...answer, decisions: [], latches: [], acks: [], plan }, nowMs)
}

function pair(index: number, candidate: number): Evidence {
  return sampleEvidence(index, {
    place: { ...sampleEvidence(index).place, run: 'run-1' },
    arrived_at: startMs + index * 100,
    metrics: [refusal(index % 40 === 1 ? 1 : 0, candidate)],
  })
}

describe('explain', () => {
  it('says first why a run was rolled back and what to do, then with which numbers', async () => {
    await expect(explained(3)).toMatchFileSnapshot('golden/explain-rolled-back.txt')
  })

  it('says what a run still waits for, and how much of it there is', async () => {
    await expect(explained(40)).toMatchFileSnapshot('golden/explain-waiting.txt')
  })

  it('says of each of several waves where it stands, on what evidence, and what it asks', async () => {
    await expect(explainedWaves()).toMatchFileSnapshot('golden/explain-waves-together.txt')
  })

  it('says of each primary whether it may be called better, with its p over all of them', () => {
    const claimed = { p: 0.0021, adjustedP: 0.0042, alpha: 0.025, primaries: 2, better: true }
    const lines = metricsText([
      { ...sampleMetric, state: 'better', superiority: claimed },
      {
        ...sampleMetric,
        state: 'acceptable',
        metric: 'error',
        superiority: { ...claimed, p: 0.3, adjustedP: 0.3, better: false },
      },
    ])
    const at = lines.indexOf('is it better? (primaries; asked once, in the last stage)')
    expect(lines.slice(at + 1, at + 3)).toEqual([
      '  refusal on content_ab  yes         p 0.0021, 0.0042 over 2 primaries (Holm)  needs 0.025',
      '  error on content_ab    not proven  p 0.30, 0.30 over 2 primaries (Holm)      needs 0.025',
    ])
    expect(metricsText([sampleMetric]).join()).not.toContain('is it better?')
  })

  it('tells every slice that the search found, the likeliest where it says what stands, and that they decide nothing', () => {
    const numbers = {
      metric: 'refusal',
      comparison: 'content_ab',
      n: 900,
      baselineValue: 0.03,
      candidateValue: 0.08,
    } as const
    const effects = { difference: 0.05, shrunkDifference: 0.03, elsewhereDifference: 0, beyondMarginP: 1, margin: 0.01 }
    const found = (value: string): SliceFinding => ({
      ...{ ...numbers, ...effects, specificP: 0.001, eValue: 9_000 },
      slice: [{ key: 'tier', value }],
      sentence: `refusal is worse where tier = ${value}`,
    })
    const text = explained(40, [found('gold'), found('silver')])
    expect(text).toContain(
      '  searched slices that are worse (for a person to look at; they decide nothing)\n    refusal is worse where tier = gold\n    refusal is worse where tier = silver\n',
    )
    expect(text).toContain(
      '  found     refusal is worse where tier = gold (and 1 more); for a person to look at, it decides nothing\n',
    )
    expect(explained(40)).not.toMatch(/ found |searched slices/)
  })
})
