import { describe, expect, it } from 'vitest'
import { compilePlan } from '../gate/compile-plan.ts'
import { accept, createRunGate, enterThrough } from '../gate/run-gate.ts'
import { refusalDecides, sampleEvidence, sampleSpec } from '../gate/sample-evidence.ts'
import { goldenSet } from '../policy/golden-set.ts'
import type { RolloutDocument } from '../policy/rollout-document.ts'
import { specFromDocument } from '../policy/spec-from-document.ts'
import { exchangesOfEvidence, shuffledExchanges } from './exchange.ts'
import { exchangesOfPairs } from './recorded-evidence.ts'
import { goldenEntriesOf, goldenLookup, type RecordedPair, readRecordedPair } from './recorded-pair.ts'
import { runBacktest } from './run-backtest.ts'
import { compareRollbacks, summarise } from './summarise.ts'

const signal = { role: 'signal' } as const
const exact = { sums: { kind: 'normalised' } } as const

function recorded(index: number, baseline: string, candidate: string, seconds = 1): RecordedPair {
  const answer = (output: string, latency_s: number) => ({ model: 'm', output, latency_s, cost_usd: 0.01 })
  const pair = readRecordedPair({
    id: `pair-${index}`,
    task: 'sums',
    prompt: `what is ${index} + 1?`,
    reference: String(index + 1),
    baseline: answer(baseline, 1),
    candidate: answer(candidate, seconds),
  })
  if (typeof pair === 'string') throw new Error(pair)
  return pair
}

/** The candidate is wrong in every `wrongEvery`-th pair, the baseline never. */
function pairs(n: number, wrongEvery: number, seconds = 1): readonly RecordedPair[] {
  return Array.from({ length: n }, (_, index) =>
    recorded(index, String(index + 1), index % wrongEvery === 0 ? 'no idea' : String(index + 1), seconds),
  )
}

function trial(recording: readonly RecordedPair[], changes: Partial<RolloutDocument> = {}) {
  const { entries, problems } = goldenEntriesOf(recording, exact)
  expect(problems).toEqual([])
  const set = goldenSet(entries)
  if (set.kind === 'problems') throw new Error(JSON.stringify(set.problems))
  const document: RolloutDocument = {
    name: 'backtested',
    route: 'route',
    change: 'model',
    baseline: { id: 'a', provider: 'p', model: 'a' },
    candidate: { id: 'b', provider: 'p', model: 'b' },
    routers: ['r'],
    calibrationPairs: 0,
    golden: { file: 'golden.jsonl' },
    ...changes,
  }
  const result = specFromDocument(document, { digest: set.digest, chunks: 1, entries: set.entries })
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  const plan = compilePlan(result.spec)
  const policy = { spec: result.spec, plan, run: 'run' }
  return { plan, exchanges: exchangesOfPairs(recording, goldenLookup(entries), policy, { startMs: 0, everyMs: 1_000 }) }
}

describe('a backtest', () => {
  it('stops where the running gate latches, which sees the same evidence all at once', () => {
    const { plan, exchanges } = trial(pairs(200, 2))
    const run = runBacktest(plan, exchanges, 'run')
    const gate = createRunGate('run', plan, { waitingMax: 100_000, unitsMax: 100_000 })
    for (const record of exchanges.flatMap(({ evidence }) => evidence)) accept(gate, record, 0, 0)
    enterThrough(gate, Number.MAX_SAFE_INTEGER)
    const breach = gate.breaches.find(({ action }) => action === 'rollback')
    const at = exchanges.findIndex(({ evidence }) => evidence.some((record) => record.id === breach?.evidenceId)) + 1
    expect(run.events).toHaveLength(1)
    expect(run.events[0]).toMatchObject({ outcome: 'rollback', pair: at, test: breach?.test, reasonCode: 'BREACH' })
    expect(at).toBeGreaterThan(5)
    expect(at).toBeLessThan(60)
    // A pair decides when its legs can have ended; until then others arrive, the last of them a moment too late to count.
    expect(run.events[0]?.arrived).toBe(at + (60_000 + 15_000 + 1_000) / 1_000 - 1)
    expect(run.last?.outcome).toBe('rollback')
  })

  it('permits an advance with the pairs that the plan requires, and not one before', () => {
    const quiet = { assumedRate: 0.05, margin: { absolute: 0.1 } }
    const { plan, exchanges } = trial(pairs(700, 1_000), {
      metrics: {
        golden_wrong: quiet,
        refusal: quiet,
        error: quiet,
        latency_over_budget: quiet,
        fast_error: signal,
        fast_refusal: signal,
        abandoned: signal,
        ttft_over_budget: signal,
      },
    })
    const required = Math.max(...plan.advance.filter((test) => test.stages === 'shadow').map((t) => t.requiredUnits))
    const run = runBacktest(plan, exchanges, 'run')
    expect(run.events).toMatchObject([{ outcome: 'advance', stage: 'shadow', reasonCode: 'ALL_ACCEPTABLE' }])
    expect(run.events[0]?.pair).toBe(required)
    const fewer = runBacktest(plan, exchanges.slice(0, required - 1), 'run')
    expect(fewer.events).toEqual([])
    expect(fewer.last?.reasonCode).toBe('NEED_UNITS')
  })

  it('counts an answer slower than the leg may take as timed out, as it would have been', () => {
    const { plan, exchanges } = trial(pairs(100, 1_000, 90))
    const [event] = runBacktest(plan, exchanges, 'run').events
    expect(event?.test).toBe('harm/error/shadow_ab/paired_binary')
  })

  it('does the same with the evidence alone, in whatever order it lies in the file', () => {
    const { plan, exchanges } = trial(pairs(120, 3))
    const evidence = exchanges.flatMap((exchange) => exchange.evidence).reverse()
    expect(runBacktest(plan, exchangesOfEvidence(evidence), 'run')).toEqual(runBacktest(plan, exchanges, 'run'))
  })

  it('says of each wave how far it got, whichever had the last record', () => {
    const plan = compilePlan(sampleSpec({ metrics: refusalDecides }))
    const evidence = Array.from({ length: 90 }, (_, index) => {
      const at = sampleEvidence(index)
      return { ...at, place: { ...at.place, wave: index % 3 === 0 ? 'few' : 'many' } }
    })
    const { waves, last } = runBacktest(plan, exchangesOfEvidence(evidence), 'run')
    expect(waves.map(({ wave, answer }) => [wave, answer.n])).toEqual([
      ['few', 30],
      ['many', 60],
    ])
    expect(last).toEqual(waves[1]?.answer)
  })

  it('holds without evidence that the policy reads', () => {
    const { exchanges } = trial(pairs(50, 2))
    const { plan } = trial(pairs(50, 2), { legTimeout: '61s' })
    const { events, counts } = runBacktest(
      plan,
      exchanges.map((exchange) => ({
        ...exchange,
        evidence: exchange.evidence.filter((record) => record.horizon_ms === 60_000),
      })),
      'run',
    )
    expect(events).toEqual([])
    expect(counts.unusable).toBe(100)
  })
})

describe('shuffles', () => {
  const { plan, exchanges } = trial(pairs(100, 2))

  it('move every exchange and its evidence to another arrival, the same for the same seed', () => {
    const order = (seed: string) => shuffledExchanges(exchanges, seed)
    expect(order('a')).toEqual(order('a'))
    expect(order('a').map(({ id }) => id)).not.toEqual(order('b').map(({ id }) => id))
    expect(new Set(order('a').map(({ id }) => id)).size).toBe(100)
    expect(order('a').map(({ arrivedAtMs }) => arrivedAtMs)).toEqual(exchanges.map((exchange) => exchange.arrivedAtMs))
    for (const { arrivedAtMs, evidence } of order('a'))
      expect(evidence.every((record) => record.arrived_at === arrivedAtMs)).toBe(true)
  })

  it('are summed up by what happened, with median and worst', () => {
    const runs = ['1', '2', '3', '4', '5'].map((seed) => runBacktest(plan, shuffledExchanges(exchanges, seed), 'run'))
    const stopped = runs.map((run) => run.events[0]?.pair ?? 0).sort((a, b) => a - b)
    const summary = summarise([...runs, { ...(runs[0] as (typeof runs)[0]), events: [] }])
    expect(summary.held).toBe(1)
    expect(summary.outcomes[0]).toEqual({
      outcome: 'rollback',
      runs: 5,
      pairsMedian: stopped[2],
      pairsWorst: stopped[4],
    })
    expect(summary.tests).toEqual([{ test: 'harm/golden_wrong/content_ab/beyond_margin', runs: 5 }])
  })

  it('compare policies order by order; never counts as later than ever', () => {
    const run = runBacktest(plan, exchanges, 'run')
    const never = { ...run, events: [] }
    expect(compareRollbacks([run, run, never], [never, run, run])).toEqual({ sooner: 1, same: 1, later: 1 })
  })
})

describe('a recorded pair', () => {
  it('is refused with the field that is wrong', () => {
    const answer = { model: 'm', output: 'o', latency_s: 1 }
    expect(readRecordedPair([])).toBe('is no JSON object')
    expect(readRecordedPair({ id: '', prompt: '' })).toBe('`id` must be a text')
    expect(readRecordedPair({ id: 'x', prompt: '', baseline: answer, candidate: { ...answer, latency_s: -1 } })).toBe(
      'candidate: `latency_s` must be a number of at least 0',
    )
  })

  it('has no golden answer when its reference does not fit the rule of its task', () => {
    const rule = { kind: 'last_match', pattern: 'boxed\\{(\\d+)\\}', flags: '', fold: false } as const
    expect(goldenEntriesOf([recorded(1, 'a', 'b')], { sums: rule })).toEqual({
      entries: [],
      problems: ['pair-1: the reference does not fit the rule of task `sums`'],
    })
  })
})
