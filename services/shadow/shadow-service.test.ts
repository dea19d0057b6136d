import { describe, expect, it } from 'vitest'
import type { Records, Request } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import type { InRecord, OutRecord, Written } from '../platform/kafka/transport.ts'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { RouteView } from './route-view.ts'
import { createShadowService } from './shadow-service.ts'

const place = { run: 'run', wave: 'all', stage_entry: 1, stage: 'shadow', epoch: 1, rule: 'all', candidate_weight: 0 }
const split = { route: 'r', epoch: 1, run: 'run', rules: [], variants: [], shadow: null }
const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const unused = () => {
  throw new Error('not asked for here')
}

/** A planner whose records are acknowledged only when it is told so; requests are told by their offset. */
function setUp(unacknowledgedBytesMax: number, change: Partial<Request> = { shadow_plan: null }) {
  const waiting: { readonly records: readonly OutRecord[]; acknowledge(): void; refuse(cause: unknown): void }[] = []
  const said: object[] = []
  const note = (fields: object) => void said.push(fields)
  const log = { debug: note, info: note, warn: note, error: note, child: () => log }
  const lost: object[] = []
  const codec = {
    encode: (name: keyof Records) => Buffer.alloc(1_000, name),
    decode: async (value: Buffer) => ({
      kind: 'record',
      name: 'Request',
      value: { exchange_id: value.toString(), route: 'r', place, live_arm: 'baseline', ...change } as Request,
    }),
  } as unknown as Codec<Records>
  const send = (records: readonly OutRecord[]) =>
    new Promise<readonly Written[]>((resolve, refuse) => {
      waiting.push({ records, acknowledge: () => resolve([]), refuse })
    })
  const usable: number[] = []
  const service = createShadowService({
    codec,
    producer: { send, close: async () => undefined },
    clock: { nowMs: () => 0, monoMs: () => 0 },
    view: { split: () => split, blocked: () => false } as unknown as RouteView,
    runner: { submit: unused, observeBaseline: unused, pump: () => undefined, stop: async () => undefined },
    metrics: createPrometheusMetrics(),
    log,
    allowedProviders: () => new Set(),
    promptOf: () => 'unknown',
    deadLetter: unused,
    usable: ({ offset }) => void usable.push(offset),
    onLost: (_, of) => void lost.push(of),
    unacknowledgedBytesMax,
  })
  const at = { topic: topics.exchanges.name, partition: 0 }
  service.onAssigned([at], new Map())
  const record = (offset: number): InRecord => ({
    ...at,
    offset,
    key: null,
    value: Buffer.from(`id-${offset}`),
    headers: {},
    timestampMs: 0,
  })
  const mark = (offset: number): InRecord => ({ ...record(offset), value: null })
  const deliver = (from: number, count: number) =>
    service.onBatch({
      ...at,
      records: Array.from({ length: count }, (_, index) => record(from + index)),
      endOffset: from + count,
    })
  return { service, waiting, deliver, at, mark, usable, said, lost }
}

describe('a broker that takes records slower than it gives them', () => {
  it('is read no faster than it acknowledges', async () => {
    const { waiting, deliver } = setUp(20_000)
    let done = false
    const delivering = deliver(0, 100).then(() => {
      done = true
    })
    await expect.poll(() => waiting.length).toBeGreaterThan(15)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(waiting.length).toBeLessThan(22)
    expect(done).toBe(false)
    while (!done) {
      waiting.shift()?.acknowledge()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await delivering
  })

  it('goes on with what it was in when its partition is taken away', async () => {
    const { service, waiting, deliver } = setUp(20_000)
    const delivering = deliver(0, 100)
    await expect.poll(() => waiting.length).toBeGreaterThan(15)
    service.onRevoked([{ topic: topics.exchanges.name, partition: 0 }])
    await delivering
    expect(waiting.length).toBeLessThan(22)
  })
})

describe('a mark of a quiet partition', () => {
  it('is passed over: it can be committed, and is not counted as a record that could be used', async () => {
    const { service, at, mark, usable } = setUp(20_000)
    await service.onBatch({ ...at, records: [mark(0), mark(1)], endOffset: 2 })
    expect(usable).toEqual([])
    expect(service.commitOffsets()).toEqual([{ ...at, offset: 2 }])
  })
})

describe('what the log says of an exchange', () => {
  const legs = [{ arm: 'candidate' as const, content_ab_p: 1, shadow_ab_p: 0, aa_p: 0 }]
  const planned = { shadow_plan: { exchange_id: 'id-0', place, legs, deadline_at: 0 } }
  const named = { exchange: 'id-0', trace, route: 'r' }

  it('names exchange and trace of a leg that was not answered, and of an answer that the broker refuses', async () => {
    const traceparent = `00-${trace}-00f067aa0ba902b7-01`
    const { deliver, waiting, said, lost } = setUp(20_000, { ...planned, traceparent })
    await deliver(0, 1)
    const why = { resolution: 'shadow_infrastructure', error_class: 'run_ended', status: null }
    expect(said).toEqual([{ ...named, arm: 'candidate', ...why }])
    waiting[0]?.refuse(new Error('never'))
    await expect.poll(() => lost).toEqual([named])
  })

  it('does not repeat what a caller wrote where a trace should be', async () => {
    const { deliver, said } = setUp(20_000, { ...planned, traceparent: 'a text' })
    await deliver(0, 1)
    expect(said).toHaveLength(1)
    expect(said[0]).not.toHaveProperty('trace')
    expect(JSON.stringify(said)).not.toContain('a text')
  })
})
