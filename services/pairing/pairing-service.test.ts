import { describe, expect, it } from 'vitest'
import type { Evidence, Records, Request, Response } from '../domain/events/records.ts'
import type { RunFacts } from '../domain/pairing/run-facts.ts'
import { response } from '../domain/pairing/sample-exchange.ts'
import { samplePlan } from '../domain/rollout/sample-run.ts'
import { topics } from '../flow.ts'
import type { InRecord, OutRecord, Written } from '../platform/kafka/transport.ts'
import type { Decoded } from '../platform/registry/codec.ts'
import type { ExchangeRecords } from './exchange-decoder.ts'
import { createPairingService, type PairingDeps } from './pairing-service.ts'
import type { PublishedProgress } from './published-progress.ts'

const plan = { ...samplePlan, legTimeoutMs: 1_000, graceMs: 500, shadowStartDelayMs: 0 }
const run: RunFacts = { plan, goldenByPrompt: false, golden: () => null, price: () => null }
const place = {
  run: 'run',
  wave: 'all',
  stage: 'canary',
  stage_entry: 1,
  epoch: 1,
  rule: 'all',
  candidate_weight: 10_000,
}

function request(id: string): Request {
  const texts = { route: 'r', operation: 'chat.completions', tenant: 't', assignment_unit: 'u', capture: 'full' }
  const nothing = {
    shadow_plan: null,
    prompt_id: null,
    prompt_version: null,
    golden_ref: null,
    traceparent: null,
    client_request_id: null,
  }
  const rest = { session: 's', turn: 0, segments: {}, arrived_at: 0, body: Buffer.alloc(0), headers: {}, tap_drops: 0 }
  return { exchange_id: id, live_arm: 'baseline', assignment: 'split', place, ...texts, ...nothing, ...rest }
}

type Known =
  | { readonly name: 'Request'; readonly value: Request }
  | { readonly name: 'Response'; readonly value: Response }

/** A service whose outputs are acknowledged when the test says so, on a clock that the test moves. */
function setUp(change: { published?: PublishedProgress; runs?: Map<string, RunFacts>; openMax?: number } = {}) {
  const records = new Map<Buffer, Known>()
  const held: (() => void)[] = []
  const sent: OutRecord[] = []
  const letters: string[] = []
  const usable: number[] = []
  const state = { holding: false, monoMs: 0, written: 0, markOffset: 1_000_000, refusing: false }
  const runs = change.runs ?? new Map([['run', run]])
  let release: () => void = () => undefined
  const deps: PairingDeps = {
    decoder: {
      async decode(value, settled) {
        const known = records.get(value) as Known
        if (known.value === null) return { kind: 'bad', code: 'UNREADABLE', reason: '' }
        return settled(known) ? null : ({ kind: 'record', schemaId: 1, ...known } as Decoded<ExchangeRecords>)
      },
    },
    encode: (_, value) => Buffer.from(JSON.stringify(value)),
    clock: { nowMs: () => 0, monoMs: () => state.monoMs },
    runs: { facts: (id) => runs.get(id) ?? null },
    openMax: change.openMax ?? 100,
    async send(outputs) {
      if (state.refusing) throw new Error('refused')
      if (state.holding) await new Promise<void>((resolve) => held.push(resolve))
      sent.push(...outputs)
      return outputs.map(({ topic, value }): Written => {
        const offset = value === null ? state.markOffset : state.written++
        return { topic, partition: 0, offset }
      })
    },
    deadLetter: async (_, code) => void letters.push(code),
    usable: ({ offset }) => void usable.push(offset),
    published: () => change.published ?? null,
    waitForRun: () => new Promise((resolve) => (release = resolve)),
    onLost: (cause) => {
      throw cause
    },
  }
  const service = createPairingService(deps)
  const at = { topic: topics.exchanges.name, partition: 0 }
  service.onAssigned([{ ...at, committed: 0 }])
  const mark = (offset: number, timestampMs: number): InRecord => {
    return { ...at, offset, timestampMs, value: null, key: null, headers: {} }
  }
  const record = (offset: number, timestampMs: number, known: Known): InRecord => {
    const value = Buffer.from(String(offset))
    records.set(value, known)
    return { ...at, offset, timestampMs, value, key: null, headers: {} }
  }
  const parsed = <T>(topic: string) =>
    sent.filter((output) => output.topic === topic).map((output) => JSON.parse(String(output.value)) as T)
  return {
    service,
    state,
    letters,
    usable,
    record,
    mark,
    at,
    marks: () => sent.filter(({ topic, value }) => topic === topics.exchanges.name && value === null),
    batch: (...inputs: readonly InRecord[]) => service.onBatch({ ...at, records: inputs, endOffset: 1_000 }),
    acknowledge: () => {
      state.holding = false
      for (const resolve of held.splice(0)) resolve()
    },
    releaseRun: () => release(),
    evidence: () => parsed<Evidence>(topics.evidence.name),
    progress: () => parsed<Records['Progress']>(topics.progress.name),
    committed: () => service.commitOffsets()[0]?.offset,
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const aRequest = (id: string): Known => ({ name: 'Request', value: request(id) })

describe('progress and offsets', () => {
  it('follow acknowledged evidence, also that of a batch in the middle', async () => {
    const { service, state, batch, record, acknowledge, progress, committed, evidence } = setUp()
    await batch(record(0, 10_000, aRequest('a')))
    await service.tick()
    state.holding = true
    const applied = batch(record(1, 20_000, aRequest('b')))
    await turn()
    await service.tick()
    expect(progress().map(({ read_through: through }) => through)).toEqual([10_000])
    expect(committed()).toBe(0)
    acknowledge()
    await applied
    await turn()
    expect(evidence().map(({ exchange_id: id }) => id)).toEqual(['a'])
    await service.tick()
    expect(progress().at(-1)).toMatchObject({ read_through: 20_000, evidence_offsets: { 0: expect.any(Number) } })
    expect(committed()).toBe(1)
  })

  it('say nothing while a batch waits in its middle, although earlier evidence is acknowledged meanwhile', async () => {
    const runs = new Map<string, RunFacts>([['run', run]])
    const { service, batch, record, releaseRun, progress, committed } = setUp({ runs })
    await batch(record(0, 10_000, aRequest('a')))
    await service.tick()
    runs.clear()
    const waiting = batch(record(1, 20_000, aRequest('b')))
    await turn()
    await service.tick()
    expect(progress().map(({ read_through: through }) => through)).toEqual([10_000])
    expect(committed()).toBe(0)
    runs.set('run', run)
    releaseRun()
    await waiting
    await turn()
    await service.tick()
    expect(committed()).toBe(1)
  })

  it('move on while evidence travels: one batch is applied ahead, and no second', async () => {
    const { service, state, batch, record, acknowledge, progress, evidence } = setUp()
    await batch(record(0, 10_000, aRequest('a')))
    state.holding = true
    await batch(record(1, 20_000, aRequest('b')))
    let isThird = false
    const third = batch(record(2, 30_000, aRequest('c'))).then(() => (isThird = true))
    await turn()
    expect([isThird, evidence()]).toEqual([false, []])
    acknowledge()
    await third
    await turn()
    await service.tick()
    expect(progress().at(-1)?.read_through).toBe(30_000)
    expect(evidence().map(({ exchange_id: id }) => id)).toEqual(['a', 'b'])
  })

  it('bear that a whole day of exchanges falls due at once', async () => {
    const { service, at, record, batch, evidence } = setUp({ openMax: 200_000 })
    const exchanges = 150_000
    const records = Array.from({ length: exchanges }, (_, offset) =>
      record(offset, 10_000 + Math.floor(offset / 150), aRequest(String(offset))),
    )
    await service.onBatch({ ...at, records, endOffset: exchanges })
    await batch(record(exchanges, 90_000_000, aRequest('last')))
    await turn()
    expect(evidence().length).toBeGreaterThanOrEqual(exchanges)
  })

  it('offsets never pass what a published progress speaks of', async () => {
    const { service, state, batch, record, acknowledge, committed } = setUp()
    await batch(record(0, 10_000, aRequest('a')))
    state.holding = true
    const publishing = service.tick()
    await turn()
    state.holding = false
    await batch(record(1, 20_000, aRequest('b')))
    acknowledge()
    await publishing
    expect(committed()).toBe(0)
    await service.tick()
    expect(committed()).toBe(1)
  })

  it('go on from what the former owner published: its evidence offsets are named again', async () => {
    const published = { throughMs: 50_000, evidenceOffsets: [[2, 77]] as const }
    const { service, batch, record, mark, progress, evidence } = setUp({ published })
    await batch(record(0, 10_000, aRequest('old')), mark(1, 52_000))
    await service.tick()
    expect(evidence()).toEqual([])
    expect(progress()).toMatchObject([{ read_through: 52_000, evidence_offsets: { 2: 77 } }])
  })
})

describe('a quiet partition', () => {
  it('is marked, and its time moves when the mark is read, to where the broker has put it', async () => {
    const { service, state, batch, record, mark, marks, progress, evidence, at } = setUp()
    await batch(record(0, 10_000, aRequest('a')))
    await service.tick()
    expect(marks()).toEqual([])
    state.monoMs = 60_000
    await service.tick()
    expect(marks()).toMatchObject([{ ...at, value: null }])
    expect(progress().at(-1)?.read_through).toBe(10_000)
    await batch(mark(1_000_000, 12_000))
    await turn()
    expect(evidence().map(({ exchange_id: id }) => id)).toEqual(['a'])
    await service.tick()
    expect(progress().at(-1)?.read_through).toBe(12_000)
  })

  it('has one mark at a time, also when it is read before it is acknowledged, and gets another when it could not be written', async () => {
    const { service, state, batch, record, mark, marks, acknowledge } = setUp()
    await batch(record(0, 10_000, aRequest('a')))
    const tickAfter = (ms: number) => {
      state.monoMs += ms
      return service.tick()
    }
    await tickAfter(100)
    await tickAfter(100)
    expect(marks()).toHaveLength(1)
    await batch(mark(1_000_000, 10_100))
    state.markOffset = 1_000_001
    state.holding = true
    const writing = tickAfter(100)
    await turn()
    await batch(mark(1_000_001, 10_200))
    acknowledge()
    await writing
    state.markOffset = 1_000_002
    await tickAfter(100)
    expect(marks()).toHaveLength(3)
    await batch(mark(1_000_002, 10_300))
    state.refusing = true
    await expect(tickAfter(100)).rejects.toThrow()
    state.refusing = false
    await tickAfter(0)
    expect(marks()).toHaveLength(4)
  })

  it('keeps its time when what was written is not shown: an answer that was stamped in time counts whenever it is seen', async () => {
    const { service, state, batch, record, mark, evidence } = setUp()
    await batch(record(0, 10_000, aRequest('a')))
    state.monoMs = 60_000
    await service.tick()
    await service.tick()
    const answer: Known = { name: 'Response', value: response('a', 'baseline', 'live') }
    await batch(record(1, 11_400, answer), mark(2, 70_000))
    await turn()
    expect(evidence()).toMatchObject([{ exchange_id: 'a', baseline_resolution: 'answered', late: false }])
  })
})

describe('records', () => {
  it('are counted as usable, and marks are not: poison with a mark between any two records is as much poison', async () => {
    const { batch, record, mark, usable } = setUp()
    await batch(record(0, 10_000, aRequest('a')), mark(1, 10_050))
    expect(usable).toEqual([0])
  })

  it('are applied once, however often they are delivered', async () => {
    const { batch, record, service } = setUp()
    const first = record(0, 10_000, aRequest('a'))
    await batch(first)
    await batch(first, record(1, 10_100, aRequest('b')))
    expect(service.partitions.get(0)?.join.counts.duplicates).toBe(0)
    expect(service.partitions.get(0)?.join.open.size).toBe(2)
  })

  it('of a run that nobody knows go to the dead letters, and so do impossible ones', async () => {
    const { batch, record, releaseRun, letters } = setUp({ runs: new Map() })
    const waiting = batch(record(0, 10_000, aRequest('a')))
    await turn()
    releaseRun()
    await waiting
    await batch(record(1, 10_000, { name: 'Request', value: { ...request('b'), turn: -1 } }))
    expect(letters).toEqual(['UNKNOWN_RUN', 'IMPOSSIBLE_VALUE'])
  })
})
