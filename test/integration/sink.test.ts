import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { deploy, subjectPrefix } from '../../scripts/deploy-installation.ts'
import type { ServiceProcess } from '../../scripts/installation/service-process.ts'
import type { Records } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { topics } from '../../services/flow.ts'
import { type ClickHouseStore, openClickHouse } from '../../services/platform/clickhouse/clickhouse-store.ts'
import { unsecured } from '../../services/platform/kafka/broker-security.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Transport } from '../../services/platform/kafka/transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope, type OwnedScope } from '../../services/platform/lifecycle/process-scope.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import type { SinkConfig } from '../../services/sink/config.ts'
import { startSink } from '../../services/sink/start.ts'
import { startTestService } from '../support/service.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers, testStack } from '../support/stack.ts'
import { evidence, request, response } from './clickhouse-rows.ts'
import { startFeed } from './exchange-feed.ts'

const { kafka, registry, clickhouse } = testServers()
const topicPrefix = `sink-${randomUUID().slice(0, 8)}-`
const database = `penstock_sink_${randomUUID().slice(0, 8)}`
const stateDir = mkdtempSync(join(tmpdir(), 'penstock-sink-'))
const nothing = { add: () => undefined, set: () => undefined, remove: () => undefined, observe: () => undefined }
const metrics = { counter: () => nothing, gauge: () => nothing, histogram: () => nothing, text: async () => '' }
let transport: Transport
let store: ClickHouseStore

const config = (lanes: SinkConfig['lanes']): SinkConfig => ({
  brokers: kafka.brokers,
  security: unsecured,
  registryUrl: registry.url,
  stateDir,
  topicPrefix,
  logLevel: 'error',
  adminPort: 0,
  clickhouseUrl: clickhouse.url,
  clickhouseUser: clickhouse.users.writer.user,
  clickhousePassword: clickhouse.users.writer.password,
  clickhouseDatabase: database,
  hashKey: 'a key for tests only',
  lanes,
  recordsMax: 25,
  bytesMax: 1_000_000,
  waitMaxMs: 50,
})

async function startInProcess(): Promise<OwnedScope> {
  const scope = createScope({ log: silentLog, metrics, clock: systemClock, deadlineMs: 10_000 })
  onTestFinished(async () => void (await scope.stop()))
  await startSink(scope, config('exchanges'))
  return scope
}

function startProcess(): ServiceProcess {
  const { brokers, registryUrl, clickhouseUrl, clickhouseUser, clickhousePassword, hashKey } = config('both')
  const sink = startTestService({
    service: 'sink',
    logPath: join(stateDir, 'sink.log'),
    environment: {
      PENSTOCK_KAFKA_BROKERS: brokers,
      PENSTOCK_TOPIC_PREFIX: topicPrefix,
      PENSTOCK_REGISTRY_URL: registryUrl,
      PENSTOCK_STATE_DIR: stateDir,
      PENSTOCK_CLICKHOUSE_URL: clickhouseUrl,
      PENSTOCK_CLICKHOUSE_WRITER: clickhouseUser,
      PENSTOCK_CLICKHOUSE_WRITER_PASSWORD: clickhousePassword,
      PENSTOCK_CLICKHOUSE_DATABASE: database,
      PENSTOCK_HASH_KEY: hashKey,
      PENSTOCK_SINK_RECORDS_MAX: '25',
      PENSTOCK_SINK_WAIT_MAX_MS: '50',
    },
  })
  onTestFinished(() => sink.kill())
  return sink
}

const exchanges = () => createSender(topics.exchanges.name)

async function createSender(topic: string) {
  const codec = await openCodec<Records>({ registryUrl: registry.url, stateDir, subjectPrefix, schemaTexts })
  const producer = await transport.producer()
  onTestFinished(() => producer.close())
  return {
    async send(from: number, to: number) {
      const ids = Array.from({ length: to - from }, (_, index) => `x${from + index}`)
      await producer.send(
        ids.flatMap((id) => [
          {
            topic,
            key: id,
            value: codec.encode('Request', { ...request(id, 'baseline'), body: Buffer.from(`${id} ann@example.com`) }),
          },
          {
            topic,
            key: id,
            value: codec.encode('Response', response(id, 'baseline', 'live', `to ann@example.com of ${id}`)),
          },
        ]),
      )
    },
    raw: (value: Buffer) => producer.send([{ topic, key: 'poison', value }]),
    negative: () =>
      producer.send([
        {
          topic,
          key: 'n',
          value: codec.encode('Request', {
            ...request('n', 'baseline'),
            body: Buffer.alloc(0),
            place: { run: 'r', wave: 'w', stage: 's', rule: 'x', epoch: -1, stage_entry: -5, candidate_weight: 0 },
          }),
        },
      ]),
  }
}

const ledger = () =>
  store.query<{ rows: number; legs: number; exchanges: number }>(
    'SELECT count() AS rows, uniqExact(exchange_id, leg) AS legs, uniqExact(exchange_id) AS exchanges FROM legs',
  )
const holds = (count: number) =>
  vi.waitFor(async () => expect(await ledger()).toEqual([{ rows: count * 2, legs: count * 2, exchanges: count }]), {
    timeout: 60_000,
    interval: 200,
  })

beforeAll(async () => {
  transport = createKafkajsTransport({ clientId: 'sink-test', brokers: kafka.brokers, topicPrefix, log: silentLog })
  await deploy({
    transport,
    registryUrl: registry.url,
    clickhouse: { url: clickhouse.url, ...clickhouse.users.admin, database },
    migrations: join(import.meta.dirname, '../../schemas/clickhouse'),
  })
  store = openClickHouse({ url: clickhouse.url, ...clickhouse.users.admin, database })
})

afterAll(async () => {
  await store?.command(`DROP DATABASE IF EXISTS ${database}`)
  await store?.stop()
  await transport?.close()
  rmSync(stateDir, { recursive: true, force: true })
})

describe('sink on real parts', () => {
  it('writes each leg once, redacted with one mark per value, across stops in mid-flight and a store that is away', async () => {
    const { send, raw, negative } = await exchanges()
    await send(0, 100)
    const first = await startInProcess()
    await send(100, 200)
    await first.stop()
    await raw(Buffer.from('no avro at all'))
    await negative()
    await send(200, 300)
    const second = await startInProcess()
    await holds(300)
    const stack = testStack()
    await stack.kill('clickhouse')
    await send(300, 400)
    await stack.start('clickhouse')
    await holds(400)
    await second.stop()
    const marks = await store.query<{ mark: string }>(
      "SELECT DISTINCT extract(text, '<EMAIL_[0-9a-f]{8}>') AS mark FROM legs",
    )
    expect(marks).toHaveLength(1)
    expect(marks[0]?.mark).toMatch(/^<EMAIL_/)
    expect(await store.query("SELECT count() AS n FROM legs WHERE text LIKE '%example.com%'")).toEqual([{ n: 0 }])
    const letters = await transport.endOffsets(topics.deadLetters.name)
    expect(letters.reduce((sum, { offset }) => sum + offset, 0)).toBe(2)
  })

  it('writes each position of the log once, whatever is killed: itself, the broker, the store', async () => {
    const codec = await openCodec<Records>({ registryUrl: registry.url, stateDir, subjectPrefix, schemaTexts })
    const producer = await transport.producer()
    onTestFinished(() => producer.close())
    const stack = testStack()
    let sink = startProcess()
    const feed = startFeed(codec, producer, 40, 'chaos')
    for (const lifeMs of [4_000, 7_300, 8_600]) {
      await delay(lifeMs)
      await sink.kill()
      sink = startProcess()
    }
    await delay(7_000)
    await stack.kill('kafka')
    await delay(4_000)
    await sink.kill()
    sink = startProcess()
    await delay(4_000)
    await stack.start('kafka')
    await delay(7_000)
    await stack.kill('clickhouse')
    await delay(3_000)
    await sink.kill()
    sink = startProcess()
    await stack.start('clickhouse')
    await feed.stop()
    // A producer may have repeated a record that was in doubt when the broker died; it then stands at two positions, and both are written.
    const ends = await transport.endOffsets(topics.exchanges.name)
    await vi.waitFor(
      async () => {
        const [ledger] = await store.query<Record<string, number>>(
          `SELECT count() AS rows, uniqExact(log_partition, log_offset) AS positions,
            uniqExactIf((exchange_id, leg, arm, attempt_id), startsWith(exchange_id, 'chaos')) AS legs FROM legs`,
        )
        expect(ledger).toMatchObject({ legs: feed.complete.size * 4, positions: ledger?.['rows'] })
      },
      { timeout: 60_000, interval: 500 },
    )
    const heads = await store.query<{ partition: number; head: number }>(
      'SELECT log_partition AS partition, max(log_offset) + 1 AS head FROM legs GROUP BY partition ORDER BY partition',
    )
    expect(new Map(heads.map(({ partition, head }) => [partition, head]))).toEqual(
      new Map(ends.map(({ partition, offset }) => [partition, offset])),
    )
    expect(sink.running).toBe(true)
  })

  it('refuses what a table cannot hold or what stands on the wrong topic, and does not stop for it', async () => {
    const codec = await openCodec<Records>({ registryUrl: registry.url, stateDir, subjectPrefix, schemaTexts })
    const producer = await transport.producer()
    onTestFinished(() => producer.close())
    const letterCount = async () =>
      (await transport.endOffsets(topics.deadLetters.name)).reduce((sum, { offset }) => sum + offset, 0)
    const before = await letterCount()
    const nowMs = Date.now()
    const on = (topic: string, value: Buffer) => ({ topic, key: 'k', value })
    const sound = evidence('sound', { arrived_at: nowMs, metrics: [{ name: 'x', baseline: Number.NaN, candidate: 1 }] })
    // More months than one insert may touch.
    const wild = Array.from({ length: 90 }, (_, index) =>
      evidence(`wild-${index}`, { arrived_at: Date.UTC(1910 + index, 5, 1) }),
    )
    await producer.send([
      on(topics.exchanges.name, codec.encode('Evidence', sound)),
      on(topics.evidence.name, codec.encode('Evidence', { ...sound, id: 'nan', inclusion_p: Number.NaN })),
      ...wild.map((row) => on(topics.evidence.name, codec.encode('Evidence', row))),
      on(topics.evidence.name, codec.encode('Evidence', sound)),
    ])
    const sink = startProcess()
    await vi.waitFor(
      async () => {
        expect(await store.query('SELECT id, candidate_metrics AS m FROM evidence FINAL')).toEqual([
          { id: 'sound', m: { x: 1 } },
        ])
        expect(await letterCount()).toBe(before + 92)
      },
      { timeout: 30_000, interval: 300 },
    )
    expect(sink.running).toBe(true)
  })
})
