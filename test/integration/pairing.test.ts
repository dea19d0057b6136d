import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { deploy, subjectPrefix } from '../../scripts/deploy-installation.ts'
import type { ServiceProcess } from '../../scripts/installation/service-process.ts'
import type { DeadLetter, Evidence, Progress, Records } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { topics } from '../../services/flow.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Producer, Transport } from '../../services/platform/kafka/transport.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import { readTopic } from '../support/read-topic.ts'
import { startTestService } from '../support/service.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers, testStack } from '../support/stack.ts'
import { request, response } from './clickhouse-rows.ts'
import { evidencePerExchange, runRecord, startFeed } from './exchange-feed.ts'

const { kafka, registry } = testServers()
const topicPrefix = `pairing-${randomUUID().slice(0, 8)}-`
const stateDir = mkdtempSync(join(tmpdir(), 'penstock-pairing-'))
const logPath = join(stateDir, 'pairing.log')
let transport: Transport
let producer: Producer
let codec: Codec<Records>

function startPairing(): ServiceProcess {
  const pairing = startTestService({
    service: 'pairing',
    logPath,
    environment: {
      PENSTOCK_KAFKA_BROKERS: kafka.brokers,
      PENSTOCK_TOPIC_PREFIX: topicPrefix,
      PENSTOCK_REGISTRY_URL: registry.url,
      PENSTOCK_STATE_DIR: stateDir,
    },
  })
  onTestFinished(() => pairing.kill())
  return pairing
}

async function readAll<Value>(topic: string): Promise<readonly Value[]> {
  return (await readTopic(transport, codec, topic)).map(({ value }) => value as Value)
}

/** The comparisons and horizons of each exchange, every evidence id once. */
async function evidenceByExchange(prefix: string) {
  const all = (await readAll<Evidence>(topics.evidence.name)).filter(({ exchange_id: id }) => id.startsWith(prefix))
  const byId = new Map<string, Evidence>()
  for (const evidence of all) {
    const known = byId.get(evidence.id)
    // A crash may send evidence again; it may not change it.
    if (known !== undefined) expect(evidence).toEqual(known)
    byId.set(evidence.id, evidence)
  }
  const byExchange = new Map<string, string[]>()
  for (const { exchange_id: id, comparison, horizon_ms: horizonMs } of byId.values())
    byExchange.set(id, [...(byExchange.get(id) ?? []), `${comparison}@${horizonMs}`])
  return { all: [...byId.values()], byExchange }
}

beforeAll(async () => {
  transport = createKafkajsTransport({ clientId: 'pairing-test', brokers: kafka.brokers, topicPrefix, log: silentLog })
  await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
  codec = await openCodec<Records>({ registryUrl: registry.url, stateDir, subjectPrefix, schemaTexts })
  producer = await transport.producer()
  await producer.send([runRecord()])
})

afterAll(async () => {
  await producer?.close()
  await transport?.close()
  rmSync(stateDir, { recursive: true, force: true })
})

async function settled(prefix: string, exchanges: ReadonlySet<string>) {
  await vi.waitFor(
    async () => expect((await evidenceByExchange(prefix)).byExchange.size).toBeGreaterThanOrEqual(exchanges.size),
    { timeout: 60_000, interval: 1_000 },
  )
  // The last exchange is there; its longest horizon may not be.
  await delay(4_000)
  return evidenceByExchange(prefix)
}

describe('pairing on a real broker', () => {
  it('gives every exchange its evidence, each once and final, although it is killed again and again', async () => {
    let pairing = startPairing()
    const feed = startFeed(codec, producer, 40, 'k')
    for (const lifeMs of [5_000, 7_500, 6_200]) {
      await delay(lifeMs)
      await pairing.kill()
      pairing = startPairing()
    }
    await delay(2_000)
    await feed.stop()
    const { all, byExchange } = await settled('k', feed.complete)
    expect([...byExchange.keys()].sort()).toEqual([...feed.complete].sort())
    for (const found of byExchange.values()) expect(found.sort()).toEqual(evidencePerExchange)
    for (const { late, metrics, baseline_resolution: baseline, comparison } of all) {
      expect(late).toBe(false)
      expect(metrics.length > 0 || comparison === 'aa').toBe(true)
      expect(baseline ?? 'answered').toBe('answered')
    }
    const progress = await readAll<Progress>(topics.progress.name)
    expect(new Set(progress.map(({ exchange_partition: partition }) => partition)).size).toBe(
      topics.exchanges.partitions,
    )
  })

  it('waits for a broker that is away and goes on by itself', async () => {
    const pairing = startPairing()
    const feed = startFeed(codec, producer, 40, 'b')
    await delay(8_000)
    const stack = testStack()
    await stack.kill('kafka')
    await delay(12_000)
    await stack.start('kafka')
    await delay(10_000)
    await feed.stop()
    const { all, byExchange } = await settled('b', feed.complete)
    expect(pairing.running).toBe(true)
    expect([...byExchange.keys()].sort()).toEqual([...feed.complete].sort())
    // Whose answers or plan were held up by the outage has lost them: it has its single, and that says so.
    for (const found of byExchange.values()) expect(found).toContain('live_ab@1500')
    expect(all.filter(({ late }) => late)).toEqual([])
    expect(
      [...byExchange.values()].filter((found) => found.length === evidencePerExchange.length).length,
    ).toBeGreaterThan(feed.complete.size / 2)
  })

  it('starts while the broker is away', async () => {
    const stack = testStack()
    await stack.kill('kafka')
    const pairing = startPairing()
    await delay(8_000)
    expect(pairing.running).toBe(true)
    await stack.start('kafka')
    const feed = startFeed(codec, producer, 20, 's')
    await delay(3_000)
    await feed.stop()
    const { byExchange } = await settled('s', feed.complete)
    expect(pairing.running).toBe(true)
    expect(byExchange.size).toBe(feed.complete.size)
  })

  it('sends what it cannot use to the dead letters, and pairs on', async () => {
    const pairing = startPairing()
    const before = (await readAll<DeadLetter>(topics.deadLetters.name)).length
    const topic = topics.exchanges.name
    const key = 'poison'
    const whole = codec.encode('Request', { ...request('p', 'baseline'), body: Buffer.alloc(0) })
    const manySegments = Buffer.concat([whole.subarray(0, 5), Buffer.from([2, 97, 2, 97, 2, 97, 2, 97, 0, 2, 97, 0])])
    const poison = [
      Buffer.from('no avro at all'),
      Buffer.from([0, 0, 15, 66, 64, 1, 2, 3]),
      whole.subarray(0, whole.length - 7),
      Buffer.concat([manySegments, Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01])]),
      codec.encode('Response', { ...response('p', 'baseline', 'live', ''), ended_at: 0 }),
      codec.encode('Response', { ...response('p', 'baseline', 'live', ''), output_tokens: -5 }),
      codec.encode('ShadowPlan', {
        exchange_id: 'p',
        place: null,
        legs: [{ arm: 'candidate', content_ab_p: Number.NaN, shadow_ab_p: 0, aa_p: 0 }],
        deadline_at: 0,
      }),
      codec.encode('Request', {
        ...request('p2', 'baseline'),
        body: Buffer.alloc(0),
        segments: { tier: 'x'.repeat(800_000) },
      }),
      codec.encode('Request', {
        ...request('p3', 'baseline'),
        body: Buffer.alloc(0),
        place: { run: 'nobody', wave: 'w', stage: 's', rule: 'r', epoch: 1, stage_entry: 1, candidate_weight: 1 },
      }),
    ]
    await producer.send([
      ...poison.map((value) => ({ topic, key, value })),
      { topic: topics.runs.name, key: 'golden/x/0', value: Buffer.from('{"digest":') },
      { topic: topics.runs.name, key: 'run-x', value: Buffer.from('null') },
    ])
    const feed = startFeed(codec, producer, 20, 'p')
    await delay(3_000)
    await feed.stop()
    const { byExchange } = await settled('p', feed.complete)
    for (const id of feed.complete) expect(byExchange.get(id)?.sort()).toEqual(evidencePerExchange)
    const letters = (await readAll<DeadLetter>(topics.deadLetters.name)).slice(before)
    const codes = letters.filter((letter) => letter.topic === topic).map(({ code }) => code)
    expect(codes).toEqual([
      'NOT_CONFLUENT',
      'UNKNOWN_SCHEMA',
      'UNREADABLE',
      'UNREADABLE',
      'IMPOSSIBLE_VALUE',
      'IMPOSSIBLE_VALUE',
      'IMPOSSIBLE_VALUE',
      'IMPOSSIBLE_VALUE',
      'UNKNOWN_RUN',
    ])
    expect(letters.filter((letter) => letter.topic === topics.runs.name).map(({ code }) => code)).toEqual([
      'UNREADABLE',
      'UNREADABLE',
    ])
    expect(pairing.running).toBe(true)
    expect(readFileSync(logPath, 'utf8')).not.toContain('answer of')
  })

  it('stops when too much is poison, before it throws everything away, and says so without any text', async () => {
    const pairing = startPairing()
    const value = Buffer.from('a secret that is no avro')
    await producer.send(Array.from({ length: 300 }, () => ({ topic: topics.exchanges.name, key: 'poison', value })))
    expect(await pairing.ended).toBe(1)
    const log = readFileSync(logPath, 'utf8')
    expect(log).toContain('TOO_MUCH_POISON')
    expect(log).not.toContain('a secret')
  })
})
