import type { Logger } from '../log/logger.ts'
import { type BrokerSecurity, unsecured } from './broker-security.ts'
import { ensureTopics } from './ensure-topics.ts'
import { createKafkajsClient } from './kafkajs-client.ts'
import { startKafkajsGroup } from './kafkajs-group.ts'
import { createKafkajsProducer } from './kafkajs-producer.ts'
import { startKafkajsReader } from './kafkajs-reader.ts'
import { createKafkajsTransactional } from './kafkajs-transactional.ts'
import { createPartitionCounts } from './partition-counts.ts'
import { defaultMaxBatchBytes } from './record-size.ts'
import { createSharedAdmin } from './shared-admin.ts'
import { topicEnds } from './topic-ends.ts'
import { createTopicNames } from './topic-names.ts'
import type { Transport } from './transport.ts'

export interface KafkajsTransportOptions {
  readonly clientId: string
  /** host:port, comma separated. */
  readonly brokers: string
  /** In clear and as nobody when left out. */
  readonly security?: BrokerSecurity
  readonly topicPrefix: string
  readonly log: Logger
  /** Told when an attempt at the broker has failed and is made again, with why, and with null when it went well after that. */
  readonly waits?: (what: string, why: string | null) => void
}

const connectionTimeoutMs = 3_000
const requestTimeoutMs = 15_000

/** The transport on kafkajs 2.2.4. Nothing connects before it is used. */
export function createKafkajsTransport(options: KafkajsTransportOptions): Transport {
  const { security = unsecured, log, waits = () => undefined } = options
  const kafka = createKafkajsClient({
    clientId: options.clientId,
    brokers: options.brokers,
    security,
    log,
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8 },
  })
  const names = createTopicNames(options.topicPrefix)
  const admin = createSharedAdmin(kafka)
  const counts = createPartitionCounts(admin, names)
  return {
    producer: async (settings = {}) =>
      createKafkajsProducer({ kafka, names, counts, log, waits }, { maxBatchBytes: defaultMaxBatchBytes, ...settings }),
    transactional: (id) => createKafkajsTransactional(kafka, names, counts, id),
    consume: (consumer) => startKafkajsGroup(kafka, admin, names, log, { ...consumer, waits }),
    read: (reader) => startKafkajsReader(kafka, admin, names, log, { ...reader, clientId: options.clientId, waits }),
    partitionCount: (topic) => counts.of(topic),
    async endOffsets(topic) {
      const ends = await admin.ask(`asking for the ends of ${topic}`, (client) =>
        topicEnds(client, names.toBroker(topic)),
      )
      return ends.map(({ partition, high }) => ({ topic, partition, offset: high }))
    },
    ensureTopics: (specs) => ensureTopics(admin, specs, names.toBroker),
    close: () => admin.close(),
  }
}
