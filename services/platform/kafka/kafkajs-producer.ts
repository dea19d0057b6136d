import type { Kafka, Producer as KafkajsProducer } from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import { type PartitionCounts, placesOf } from './partition-counts.ts'
import { PartitionLane } from './partition-lane.ts'
import { recordBytes } from './record-size.ts'
import type { TopicNames } from './topic-names.ts'
import type { OutRecord, Producer, ProducerOptions, Written } from './transport.ts'
import { TransportError, transportError } from './transport-error.ts'

export interface KafkajsProducerDeps {
  readonly kafka: Kafka
  readonly names: TopicNames
  readonly counts: PartitionCounts
  readonly log: Logger
  waits(what: string, why: string | null): void
}

const closeWithinMs = 5_000

/** An idempotent producer that waits its broker out: see PartitionLane for why. Nothing connects before the first record. */
export function createKafkajsProducer(
  deps: KafkajsProducerDeps,
  options: Required<Pick<ProducerOptions, 'maxBatchBytes'>> & ProducerOptions,
): Producer {
  return new LaneProducer(deps, options)
}

class LaneProducer implements Producer {
  readonly #deps: KafkajsProducerDeps
  readonly #maxBatchBytes: number
  readonly #answerWithinMs: number | null
  readonly #lanes = new Map<string, PartitionLane>()
  readonly #end = new AbortController()
  #client: Promise<KafkajsProducer> | null = null
  /** Calls are placed one after the other, so that what is sent first stands first. */
  #placing: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(deps: KafkajsProducerDeps, options: Required<Pick<ProducerOptions, 'maxBatchBytes'>> & ProducerOptions) {
    this.#deps = deps
    this.#maxBatchBytes = options.maxBatchBytes
    this.#answerWithinMs = options.answerWithinMs ?? null
  }

  async send(records: readonly OutRecord[]): Promise<readonly Written[]> {
    if (this.#closed) throw new TransportError('the producer is closed', { code: 'CLOSED' })
    const tooLarge = records.find((record) => recordBytes(record) > this.#maxBatchBytes)
    if (tooLarge !== undefined) {
      const message = `a record of ${recordBytes(tooLarge)} bytes for ${tooLarge.topic} is larger than ${this.#maxBatchBytes}`
      throw new TransportError(message, { code: 'RECORD_TOO_LARGE' })
    }
    const sending = this.#place(records).then(({ written }) => written)
    return this.#answerWithinMs === null ? sending : answeredWithin(sending, this.#answerWithinMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    const late = setTimeout(() => this.#end.abort(), closeWithinMs)
    await this.#placing
    await Promise.all([...this.#lanes.values()].map((lane) => lane.idle()))
    clearTimeout(late)
    await this.#disconnect()
  }

  /** Resolves once every record is in its lane, to their answers. */
  #place(records: readonly OutRecord[]): Promise<{ readonly written: Promise<readonly Written[]> }> {
    const placed = this.#placing.then(async () => {
      const places = await placesOf(records, this.#deps.counts, this.#end.signal)
      return { written: this.#push(records, places) }
    })
    this.#placing = placed.catch(() => undefined)
    return placed
  }

  async #push(records: readonly OutRecord[], places: readonly number[]): Promise<readonly Written[]> {
    const lanes = new Map<PartitionLane, number[]>()
    const written = records.map(({ topic }, index) => ({ topic, partition: places[index] ?? 0, offset: -1 }))
    for (const [index, at] of written.entries()) {
      const lane = this.#lane(at)
      const own = lanes.get(lane)
      if (own === undefined) lanes.set(lane, [index])
      else own.push(index)
    }
    const pushed = [...lanes].map(async ([lane, own]) => {
      const offsets = await lane.push(own.map((index) => records[index] as OutRecord))
      for (const [place, index] of own.entries())
        (written[index] as { offset: number }).offset = offsets[place] as number
    })
    await Promise.all(pushed)
    return written
  }

  #lane(at: { readonly topic: string; readonly partition: number }): PartitionLane {
    const key = `${at.topic}/${at.partition}`
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane = new PartitionLane({
      at,
      maxBatchBytes: this.#maxBatchBytes,
      log: this.#deps.log,
      signal: this.#end.signal,
      waits: (why) => this.#deps.waits(`writing ${at.topic}`, why),
      attempt: (records) => this.#attempt(at.topic, at.partition, records),
    })
    this.#lanes.set(key, lane)
    return lane
  }

  async #attempt(topic: string, partition: number, records: readonly OutRecord[]): Promise<number> {
    const messages = records.map(({ key, value, headers }) => ({
      key,
      value,
      partition,
      ...(headers === undefined ? {} : { headers: { ...headers } }),
    }))
    const connected = this.#connected()
    const client = await connected
    try {
      const [answer] = await client.send({ topic: this.#deps.names.toBroker(topic), messages, acks: -1 })
      return Number(answer?.baseOffset ?? answer?.offset ?? -1)
    } catch (cause) {
      const doing = `producing to ${topic}`
      if (this.#client !== connected)
        throw new TransportError(`${doing}: the producer was replaced`, { code: 'BROKER_AWAY', retriable: true, cause })
      const error = transportError(cause, doing)
      // Only a new producer gets a sequence that the broker believes. What the old one had in doubt may then stand in the log twice.
      if (error.code === 'OUT_OF_SEQUENCE') await this.#disconnect().catch(() => undefined)
      throw error
    }
  }

  #connected(): Promise<KafkajsProducer> {
    if (this.#client !== null) return this.#client
    const client = connectIdempotent(this.#deps.kafka)
    this.#client = client
    client.catch(() => {
      if (this.#client === client) this.#client = null
    })
    return client
  }

  async #disconnect(): Promise<void> {
    const closing = this.#client
    this.#client = null
    await (await closing)?.disconnect()
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

async function answeredWithin<T>(sending: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `Kafka has not acknowledged within ${withinMs} ms; the record may still be written`
    timer = setTimeout(() => reject(new TransportError(message, { code: 'STALLED', retriable: true })), withinMs)
  })
  try {
    return await Promise.race([sending, late])
  } finally {
    clearTimeout(timer)
    sending.catch(() => undefined)
  }
}
