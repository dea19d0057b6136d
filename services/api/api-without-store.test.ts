import { afterEach, describe, expect, it } from 'vitest'
import type { Decision, Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import type { RunEvent } from '../domain/rollout/events.ts'
import type { Run } from '../domain/rollout/run.ts'
import { writeRun } from '../domain/rollout/run-document.ts'
import { startedRun } from '../domain/rollout/sample-run.ts'
import { transition } from '../domain/rollout/transition.ts'
import { topics } from '../flow.ts'
import { type ClickHouseStore, openClickHouse } from '../platform/clickhouse/clickhouse-store.ts'
import { MemoryTransport } from '../platform/kafka/memory-transport.ts'
import type { InRecord } from '../platform/kafka/transport.ts'
import { systemClock } from '../platform/lifecycle/clocks.ts'
import { createScope } from '../platform/lifecycle/process-scope.ts'
import { createAvroCodec } from '../platform/registry/avro-codec.ts'
import { assembleApi, openServing } from './assemble-api.ts'
import { ask, because, log, metrics, tokens } from './sample-api.ts'

const names = Object.keys(schemaTexts) as (keyof Records & string)[]
const ids = Object.fromEntries(names.map((name, index) => [name, index + 1])) as Record<keyof Records & string, number>
const codec = createAvroCodec<Records>(schemaTexts, ids, async () => null)
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A controller as far as the API can see one: it decides on commands and latches by the domain's machine and writes what came of it. */
async function startController(transport: MemoryTransport, first: Run): Promise<void> {
  const producer = await transport.producer()
  let run = first
  const decide = async (event: RunEvent) => {
    const { run: after, effects } = transition(run, event, systemClock.nowMs())
    run = after
    const decisions = effects.flatMap((effect): Decision[] => (effect.kind === 'decision' ? [effect.decision] : []))
    await producer.send([
      { topic: topics.runs.name, key: run.id, value: Buffer.from(writeRun(run)) },
      ...decisions.map((decision) => ({
        topic: topics.decisions.name,
        key: run.id,
        value: codec.encode('Decision', decision),
      })),
    ])
  }
  const obey = async ({ value }: InRecord) => {
    const decoded = value === null ? null : await codec.decode(value)
    if (decoded?.kind !== 'record') return
    if (decoded.name === 'Command') await decide({ kind: 'command', command: decoded.value, successor: null })
    if (decoded.name === 'Latch') await decide({ kind: 'latch', latch: decoded.value })
  }
  const reader = await transport.read({
    topics: [topics.commands.name, topics.brakes.name],
    startAt: 'end',
    onBatch: async ({ records }) => {
      for (const record of records) await obey(record)
    },
  })
  stops.push(() => reader.stop())
}

async function startApi(store: ClickHouseStore | null) {
  const transport = new MemoryTransport(systemClock)
  await transport.ensureTopics(Object.values(topics).map(({ name }) => ({ name, partitions: 1, config: {} })))
  const run = startedRun()
  const producer = await transport.producer()
  await producer.send([{ topic: topics.runs.name, key: run.id, value: Buffer.from(writeRun(run)) }])
  await startController(transport, run)
  const scope = createScope({ log, metrics, clock: systemClock, deadlineMs: 5_000 })
  stops.push(() => scope.stop())
  const serving = await openServing(scope, { transport, codec, store })
  const doctor = { report: async () => ({ version: '1', at: 0, checks: [] }) }
  return { transport, server: assembleApi(scope, { tokens, doctor, serving: () => serving }) }
}

/** Everything on a topic, from its beginning. */
async function valuesOn(transport: MemoryTransport, topic: string): Promise<readonly Buffer[]> {
  const values: Buffer[] = []
  const reader = await transport.read({
    topics: [topic],
    startAt: 'beginning',
    onBatch: async ({ records }) =>
      values.push(...records.flatMap(({ value }) => (value === null ? [] : [value]))) as never,
  })
  await reader.caughtUp
  await reader.stop()
  return values
}

// Nothing listens on port 1: every connection is refused.
const downStore = () =>
  openClickHouse({ url: 'http://127.0.0.1:1', user: 'reader', password: '', database: 'penstock' })

describe('with the store away', () => {
  it('get, hold, rollback and kill work, and only pairs and evidence answer 503', async () => {
    const store = downStore()
    stops.push(() => store.stop())
    const { server, transport } = await startApi(store)
    const get = () => ask(server, 'getRun', '/v1/runs/latest')
    expect(await get()).toMatchObject({ status: 200, body: { run: 'run-1', phase: 'shadow' } })
    const commands = '/v1/runs/run-1/commands'
    const held = await ask(server, 'commandRun', commands, { payload: { kind: 'hold', ...because } })
    expect(held).toMatchObject({ status: 200, body: { status: { phase: 'held' } } })
    const back = await ask(server, 'commandRun', commands, { payload: { kind: 'rollback', ...because } })
    expect(back).toMatchObject({ status: 200, body: { latch: expect.stringMatching(/^person-/) } })
    expect(back.body.decision).toMatchObject({ to_phase: 'rolled_back' })
    expect(await get()).toMatchObject({ body: { phase: 'rolled_back', openLatches: [back.body.latch] } })
    const kill = await ask(server, 'killRoute', '/v1/routes/chat/kill', { payload: because })
    expect(kill.status).toBe(200)
    const brakes: unknown[] = []
    for (const value of await valuesOn(transport, topics.brakes.name)) brakes.push(await codec.decode(value))
    expect(brakes).toMatchObject([
      { name: 'Latch' },
      { name: 'Kill', value: { id: kill.body.kill, by: 'admin-token' } },
    ])
    const pairs = await ask(server, 'listPairs', '/v1/runs/run-1/pairs')
    expect(pairs).toMatchObject({ status: 503, body: { code: 'STORE_AWAY' } })
    expect(pairs.body.detail).toContain('the store did not answer')
    const evidence = await ask(server, 'listEvidence', '/v1/runs/run-1/evidence')
    expect(evidence).toMatchObject({ status: 503, body: { code: 'STORE_AWAY' } })
  })

  it('without one configured, pairs say which setting is missing', async () => {
    const { server } = await startApi(null)
    const pairs = await ask(server, 'listPairs', '/v1/runs/run-1/pairs')
    expect(pairs).toMatchObject({ status: 503, body: { code: 'NO_STORE' } })
    expect(pairs.body.detail).toContain('PENSTOCK_CLICKHOUSE_URL')
  })
})
