import type { Kafka, Producer as KafkajsProducer, Message, ProducerBatch, RecordMetadata } from 'kafkajs'
import { type PartitionCounts, partitionOf } from './partition-counts.ts'
import { defaultMaxBatchBytes, recordBytes } from './record-size.ts'
import type { TopicNames } from './topic-names.ts'
import type { OutRecord, Producer, TransactionalProducer, Written } from './transport.ts'
import { TransportError, transportError } from './transport-error.ts'

/** A record with the partition that it goes to. */
interface Placed {
  readonly record: OutRecord
  readonly partition: number
  readonly bytes: number
}

interface Waiting {
  readonly records: readonly OutRecord[]
  readonly resolve: (written: readonly Written[]) => void
  readonly reject: (cause: unknown) => void
}

/** Calls that arrive while a request is under way share the next one; what one request holds stays below `maxBatchBytes`. */
export async function createKafkajsProducer(
  kafka: Kafka,
  names: TopicNames,
  counts: PartitionCounts,
  maxBatchBytes: number,
): Promise<Producer> {
  // Not awaited by callers that must start without a broker: the first send connects.
  let connecting: Promise<KafkajsProducer> | null = null
  const connected = () => {
    connecting ??= connectIdempotent(kafka).catch((cause: unknown) => {
      connecting = null
      throw cause
    })
    return connecting
  }
  /** A producer whose sequence the broker no longer accepts would be refused for ever. */
  const disconnect = async () => {
    const closing = connecting
    connecting = null
    await (await closing)?.disconnect()
  }
  const waiting: Waiting[] = []
  let sending = false
  let closed = false

  const drain = async () => {
    sending = true
    while (waiting.length > 0) {
      const calls = takeCalls(waiting, maxBatchBytes)
      try {
        const written = await sendAll(
          await connected(),
          names,
          counts,
          calls.flatMap((call) => call.records),
          maxBatchBytes,
        )
        let from = 0
        for (const call of calls) {
          call.resolve(written.slice(from, from + call.records.length))
          from += call.records.length
        }
      } catch (cause) {
        const error = transportError(cause, 'producing')
        if (error.code === 'OUT_OF_SEQUENCE') await disconnect().catch(() => undefined)
        for (const call of calls) call.reject(error)
      }
    }
    sending = false
  }

  return {
    send(records) {
      if (closed) return Promise.reject(new TransportError('the producer is closed', { code: 'CLOSED' }))
      const tooLarge = records.find((record) => recordBytes(record) > maxBatchBytes)
      if (tooLarge !== undefined) {
        const message = `a record of ${recordBytes(tooLarge)} bytes for ${tooLarge.topic} is larger than ${maxBatchBytes}`
        return Promise.reject(new TransportError(message, { code: 'RECORD_TOO_LARGE' }))
      }
      return new Promise((resolve, reject) => {
        waiting.push({ records, resolve, reject })
        if (!sending) void drain()
      })
    },
    async close() {
      closed = true
      while (sending) await new Promise((resolve) => setTimeout(resolve, 5))
      await disconnect()
    },
  }
}

async function connectIdempotent(kafka: Kafka): Promise<KafkajsProducer> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
  try {
    await producer.connect()
    return producer
  } catch (cause) {
    throw transportError(cause, 'connecting a producer')
  }
}

export async function createKafkajsTransactional(
  kafka: Kafka,
  names: TopicNames,
  counts: PartitionCounts,
  transactionalId: string,
): Promise<TransactionalProducer> {
  const producer = kafka.producer({
    transactionalId: names.toBroker(transactionalId),
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
  })
  await producer.connect().catch((cause: unknown) => {
    throw transportError(cause, 'connecting a transactional producer')
  })
  return {
    async commit({ records, offsets, groupId }) {
      try {
        const transaction = await producer.transaction()
        try {
          const written =
            records.length > 0 ? await sendAll(transaction, names, counts, records, defaultMaxBatchBytes) : []
          if (offsets.length > 0) {
            const topics = offsets.map(({ topic, partition, offset }) => ({
              topic: names.toBroker(topic),
              partitions: [{ partition, offset: String(offset) }],
            }))
            await transaction.sendOffsets({ consumerGroupId: names.toBroker(groupId), topics })
          }
          await transaction.commit()
          return written
        } catch (cause) {
          // A fenced producer cannot abort either; the broker has done it.
          if (transaction.isActive()) await transaction.abort().catch(() => undefined)
          throw cause
        }
      } catch (cause) {
        throw transportError(cause, 'committing a transaction')
      }
    },
    close: () => producer.disconnect(),
  }
}

function takeCalls(waiting: Waiting[], maxBytes: number): Waiting[] {
  const taken: Waiting[] = []
  let bytes = 0
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    bytes += next.records.reduce((sum, record) => sum + recordBytes(record), 0)
    if (taken.length > 0 && bytes > maxBytes) break
    taken.push(next)
    waiting.shift()
  }
  return taken
}

interface BatchSender {
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
}

/** Sends in order, in as many requests as the limit demands, and says where each record came to stand. */
async function sendAll(
  sender: BatchSender,
  names: TopicNames,
  counts: PartitionCounts,
  records: readonly OutRecord[],
  maxBytes: number,
): Promise<readonly Written[]> {
  const written: Written[] = []
  let chunk: Placed[] = []
  let bytes = 0
  const flush = async () => {
    if (chunk.length > 0) written.push(...(await sendChunk(sender, names, chunk)))
    chunk = []
    bytes = 0
  }
  for (const record of records) {
    const size = recordBytes(record)
    if (bytes + size > maxBytes) await flush()
    const partition =
      record.partition ?? (record.key === null ? 0 : partitionOf(record.key, await counts.of(record.topic)))
    chunk.push({ record, partition, bytes: size })
    bytes += size
  }
  await flush()
  return written
}

async function sendChunk(
  sender: BatchSender,
  names: TopicNames,
  chunk: readonly Placed[],
): Promise<readonly Written[]> {
  const byTopic = new Map<string, Message[]>()
  for (const { record, partition } of chunk) {
    const messages = byTopic.get(record.topic) ?? []
    byTopic.set(record.topic, messages)
    messages.push({
      key: record.key,
      value: record.value,
      partition,
      ...(record.headers === undefined ? {} : { headers: { ...record.headers } }),
    })
  }
  const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic: names.toBroker(topic), messages }))
  const metadata = await sender.sendBatch({ topicMessages, acks: -1 })
  const next = new Map(
    metadata.map((entry) => [
      `${names.fromBroker(entry.topicName)}/${entry.partition}`,
      Number(entry.baseOffset ?? entry.offset ?? -1),
    ]),
  )
  return chunk.map(({ record, partition }) => {
    const at = `${record.topic}/${partition}`
    const offset = next.get(at) ?? -1
    next.set(at, offset + 1)
    return { topic: record.topic, partition, offset }
  })
}
