import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import { startKafkajsGroup } from './kafkajs-group.ts'
import { createKafkajsProducer } from './kafkajs-producer.ts'
import { startKafkajsReader } from './kafkajs-reader.ts'
import { createKafkajsTransactional } from './kafkajs-transactional.ts'
import { createPartitionCounts } from './partition-counts.ts'
import { defaultMaxBatchBytes } from './record-size.ts'
import { createSharedAdmin, type SharedAdmin } from './shared-admin.ts'
import { patchKafkajsTimer } from './timer-patch.ts'
import { createTopicNames } from './topic-names.ts'
import type { TopicSpec, Transport } from './transport.ts'
import { TransportError } from './transport-error.ts'

export interface KafkajsTransportOptions {
  readonly clientId: string
  /** host:port, comma separated. */
  readonly brokers: string
  readonly topicPrefix: string
  readonly log: Logger
}

const connectionTimeoutMs = 3_000
const requestTimeoutMs = 15_000

/** The transport on kafkajs 2.2.4. Nothing connects before it is used. */
export function createKafkajsTransport(options: KafkajsTransportOptions): Transport {
  patchKafkajsTimer()
  const { log } = options
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: options.brokers.split(',').map((broker) => broker.trim()),
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: entry }) => {
        const { message, timestamp: _, ...fields } = entry
        if (level === logLevel.ERROR) log.warn({ kafka: fields }, message)
        else log.debug({ kafka: fields }, message)
      },
  })
  const names = createTopicNames(options.topicPrefix)
  const admin = createSharedAdmin(kafka)
  const counts = createPartitionCounts(admin, names)
  return {
    producer: async (settings = {}) =>
      createKafkajsProducer({ kafka, names, counts, log }, { maxBatchBytes: defaultMaxBatchBytes, ...settings }),
    transactional: (id) => createKafkajsTransactional(kafka, names, counts, id),
    consume: (consumer) => startKafkajsGroup(kafka, admin, names, log, consumer),
    read: (reader) => startKafkajsReader(kafka, admin, names, log, reader),
    partitionCount: (topic) => counts.of(topic),
    async endOffsets(topic) {
      const ends = await admin.ask(`asking for the ends of ${topic}`, (client) =>
        client.fetchTopicOffsets(names.toBroker(topic)),
      )
      return ends.map(({ partition, high }) => ({ topic, partition, offset: Number(high) }))
    },
    ensureTopics: (specs) => ensureTopics(admin, specs, names.toBroker),
    close: () => admin.close(),
  }
}

async function ensureTopics(admin: SharedAdmin, specs: readonly TopicSpec[], toBroker: (name: string) => string) {
  const doing = 'making topics'
  const existing = new Set(await admin.ask(doing, (client) => client.listTopics()))
  const missing = specs.filter((spec) => !existing.has(toBroker(spec.name)))
  if (missing.length > 0) {
    await admin.ask(doing, (client) =>
      client.createTopics({
        waitForLeaders: false,
        topics: missing.map((spec) => ({
          topic: toBroker(spec.name),
          numPartitions: spec.partitions,
          configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
        })),
      }),
    )
  }
  await waitForLeaders(
    admin,
    missing.map((spec) => toBroker(spec.name)),
  )
  const present = specs.filter((spec) => existing.has(toBroker(spec.name)))
  const partitions = await partitionsOf(
    admin,
    present.map((spec) => toBroker(spec.name)),
  )
  const differing = present.filter((spec) => partitions.get(toBroker(spec.name)) !== spec.partitions)
  return { created: missing.map((spec) => spec.name), differing: differing.map((spec) => spec.name) }
}

async function partitionsOf(admin: SharedAdmin, topics: string[]): Promise<ReadonlyMap<string, number>> {
  if (topics.length === 0) return new Map()
  const metadata = await admin.ask('comparing topics', (client) => client.fetchTopicMetadata({ topics }))
  return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]))
}

const leadersWithinMs = 30_000
const leadersPollMs = 100

/** A topic that was just made is unknown to parts of the broker for a moment, and kafkajs gives up on that at once. */
async function waitForLeaders(admin: SharedAdmin, topics: string[]): Promise<void> {
  if (topics.length === 0) return
  for (let waitedMs = 0; ; waitedMs += leadersPollMs) {
    try {
      const { topics: known } = await admin.ask('waiting for new topics', (client) =>
        client.fetchTopicMetadata({ topics }),
      )
      if (known.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return
    } catch (error) {
      if (!(error instanceof TransportError && error.retriable) || waitedMs >= leadersWithinMs) throw error
    }
    await delay(leadersPollMs)
  }
}
