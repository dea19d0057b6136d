import { type Admin, Kafka, logLevel } from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import { startKafkajsGroup } from './kafkajs-group.ts'
import { createKafkajsProducer, createKafkajsTransactional } from './kafkajs-producer.ts'
import { startKafkajsReader } from './kafkajs-reader.ts'
import { createPartitionCounts } from './partition-counts.ts'
import { defaultMaxBatchBytes } from './record-size.ts'
import { patchKafkajsTimer } from './timer-patch.ts'
import { createTopicNames } from './topic-names.ts'
import type { TopicSpec, Transport } from './transport.ts'
import { transportError } from './transport-error.ts'

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
  let admin: Promise<Admin> | null = null
  const sharedAdmin = () => {
    admin ??= connectAdmin(kafka).catch((cause: unknown) => {
      admin = null
      throw cause
    })
    return admin
  }
  const counts = createPartitionCounts(sharedAdmin, names)
  return {
    producer: (settings = {}) =>
      createKafkajsProducer(kafka, names, counts, settings.maxBatchBytes ?? defaultMaxBatchBytes),
    transactional: (id) => createKafkajsTransactional(kafka, names, counts, id),
    consume: (consumer) => startKafkajsGroup(kafka, sharedAdmin, names, log, consumer),
    read: (reader) => startKafkajsReader(kafka, sharedAdmin, names, log, reader),
    partitionCount: (topic) => counts.of(topic),
    async endOffsets(topic) {
      const ends = await (await sharedAdmin()).fetchTopicOffsets(names.toBroker(topic))
      return ends.map(({ partition, high }) => ({ topic, partition, offset: Number(high) }))
    },
    ensureTopics: async (specs) => ensureTopics(await sharedAdmin(), specs, names.toBroker),
    async close() {
      const connected = admin
      admin = null
      await (await connected)?.disconnect()
    },
  }
}

async function connectAdmin(kafka: Kafka): Promise<Admin> {
  const client = kafka.admin()
  try {
    await client.connect()
    return client
  } catch (cause) {
    throw transportError(cause, 'connecting to Kafka')
  }
}

async function ensureTopics(admin: Admin, specs: readonly TopicSpec[], toBroker: (name: string) => string) {
  const existing = new Set(await admin.listTopics())
  const missing = specs.filter((spec) => !existing.has(toBroker(spec.name)))
  if (missing.length > 0) {
    await admin.createTopics({
      waitForLeaders: false,
      topics: missing.map((spec) => ({
        topic: toBroker(spec.name),
        numPartitions: spec.partitions,
        configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
      })),
    })
  }
  await waitForLeaders(
    admin,
    missing.map((spec) => toBroker(spec.name)),
  )
  const present = specs.filter((spec) => existing.has(toBroker(spec.name)))
  const metadata =
    present.length === 0
      ? []
      : (await admin.fetchTopicMetadata({ topics: present.map((spec) => toBroker(spec.name)) })).topics
  const differing = present.filter(
    (spec) => metadata.find(({ name }) => name === toBroker(spec.name))?.partitions.length !== spec.partitions,
  )
  return { created: missing.map((spec) => spec.name), differing: differing.map((spec) => spec.name) }
}

const leadersWithinMs = 30_000
const leadersPollMs = 100

/** A topic that was just made is unknown to parts of the broker for a moment, and kafkajs gives up on that at once. */
async function waitForLeaders(admin: Admin, topics: string[]): Promise<void> {
  if (topics.length === 0) return
  for (let waitedMs = 0; ; waitedMs += leadersPollMs) {
    try {
      const { topics: known } = await admin.fetchTopicMetadata({ topics })
      if (known.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return
    } catch (cause) {
      const error = transportError(cause, 'waiting for new topics')
      if (!error.retriable || waitedMs >= leadersWithinMs) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, leadersPollMs))
  }
}
