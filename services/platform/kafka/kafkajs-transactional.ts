import type { Kafka, Message, ProducerBatch, RecordMetadata } from 'kafkajs'
import { type PartitionCounts, placesOf } from './partition-counts.ts'
import { defaultMaxBatchBytes, recordBytes } from './record-size.ts'
import type { TopicNames } from './topic-names.ts'
import type { OutRecord, TransactionalProducer, Written } from './transport.ts'
import { transportError } from './transport-error.ts'

/** A record with the partition that it goes to. */
interface Placed {
  readonly record: OutRecord
  readonly partition: number
  readonly bytes: number
}

/** One transaction at a time. What fails is aborted and thrown: the caller, whose inputs' offsets are part of the transaction, begins again from them. */
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
  const places = await placesOf(records, counts)
  for (const [index, record] of records.entries()) {
    const size = recordBytes(record)
    if (bytes + size > maxBytes) await flush()
    chunk.push({ record, partition: places[index] ?? 0, bytes: size })
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
