import type { Kafka, Message } from 'kafkajs'
import type { Records } from '../../../services/domain/events/records.ts'
import type { Run } from '../../../services/domain/rollout/run.ts'
import { writeRun } from '../../../services/domain/rollout/run-document.ts'
import { topics } from '../../../services/flow.ts'
import type { Codec } from '../../../services/platform/registry/codec.ts'
import { closing, exchangeOf, type Size } from './exchanges.ts'

/** Exchanges begin at this pace by the records' own times, so that windows hold what they would hold in service. */
const defaultPerSecond = 200
const liveAfter = 200
const shadowAfter = 300
const bytesPerSend = 2_000_000
const closingAfterMs = 300_000
const defaultAgeMs = 2 * 3_600_000

export interface Preloaded {
  readonly prefix: string
  readonly run: Run
  readonly size: Size
  readonly pairs: number
  /** Default 200. */
  readonly perSecond?: number
  /** How long ago the first exchange began, by the records' own times; negative: how long from now. Default: two hours. */
  readonly ageMs?: number
  /** How many of the records of an exchange come: its request, its live answer, its shadow answer. Default: all. */
  readonly heard?: 1 | 2 | 3
}

/**
 * Writes the run and `pairs` exchanges, interleaved as they come; uncompressed, as the tap sends them. What it returns writes one more record to each
 * partition, beyond every horizon: it makes all that is open fall due.
 */
export async function preload(kafka: Kafka, codec: Codec<Records>, to: Preloaded): Promise<() => Promise<void>> {
  const { perSecond = defaultPerSecond, ageMs = defaultAgeMs, heard = 3 } = to
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const topic = to.prefix + topics.exchanges.name
  await producer.send({ topic: to.prefix + topics.runs.name, messages: [{ key: to.run.id, value: writeRun(to.run) }] })
  const beginMs = Date.now() - ageMs
  let messages: Message[] = []
  let bytes = 0
  const flush = async () => {
    if (messages.length > 0) await producer.send({ topic, messages })
    messages = []
    bytes = 0
  }
  const add = (step: number, serial: number, which: 0 | 1 | 2) => {
    if (serial < 0 || serial >= to.pairs || which >= heard) return
    const record = exchangeOf(serial, to.size)[which]
    const value =
      'leg' in record ? codec.encode('Response', record) : codec.encode('Request', record as Records['Request'])
    bytes += value.length
    messages.push({
      key: record.exchange_id,
      value,
      timestamp: String(Math.round(beginMs + (step * 1_000) / perSecond)),
    })
  }
  for (let step = 0; step < to.pairs + shadowAfter; step += 1) {
    add(step, step, 0)
    add(step, step - liveAfter, 1)
    add(step, step - shadowAfter, 2)
    if (bytes >= bytesPerSend) await flush()
  }
  await flush()
  await producer.disconnect()
  const closingMs = beginMs + ((to.pairs + shadowAfter) * 1_000) / perSecond + to.run.plan.legTimeoutMs + closingAfterMs
  return () => close(kafka, codec, { topic, timestamp: String(Math.round(closingMs)) })
}

async function close(
  kafka: Kafka,
  codec: Codec<Records>,
  { topic, timestamp }: { readonly topic: string; readonly timestamp: string },
): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const messages = Array.from({ length: topics.exchanges.partitions }, (_, partition) => ({
    key: `closing-${partition}`,
    partition,
    value: codec.encode('Request', closing(partition)),
    timestamp,
  }))
  await producer.send({ topic, messages })
  await producer.disconnect()
}
