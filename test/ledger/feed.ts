import { setTimeout as delay } from 'node:timers/promises'
import type { Place, Records } from '../../services/domain/events/records.ts'
import { topics } from '../../services/flow.ts'
import type { OutRecord, Producer, Transport } from '../../services/platform/kafka/transport.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import {
  answerOf,
  type FeedExchange,
  type FeedRunId,
  feedExchange,
  idOf,
  planOf,
  type RecordKind,
  recordKinds,
  requestOf,
} from './feed-exchange.ts'

/** What stands at a place of the log, as its producer was told: exchange number × kinds + kind, or this. */
export const poisonCode = -1

/** What was sent and acknowledged: the truth that a ledger is held against. */
export interface Sent {
  /** By partition and offset: what the broker acknowledged there. */
  readonly acknowledged: readonly (readonly (number | undefined)[])[]
  readonly records: number
  readonly poison: number
  readonly planned: Readonly<Record<'late' | 'missing' | 'twice', number>>
}

export interface Feed {
  /** Exchanges begun so far. */
  readonly begun: number
  /** Resolves when every record is acknowledged. */
  readonly done: Promise<Sent>
}

export interface FeedOptions {
  readonly transport: Transport
  readonly codec: Codec<Records>
  /** Where the exchanges of each run belong. */
  readonly places: Readonly<Record<FeedRunId, Place>>
  readonly seed: number
  readonly exchanges: number
  readonly minutes: number
}

const tickMs = 100
/** Records that wait for their acknowledgement; above it the feed stands still and makes up for it later. */
const waitingMax = 20_000
/** How much faster than its pace a feed makes up for what it missed. */
const haste = 1.5
const hourMs = 3_600_000
/** One exchange in so many comes with a record that nobody can read. */
const poisonEvery = 5_000

/** Sends exchanges at a steady pace through two producers, of which the second's clock is an hour fast. */
export function startFeed(options: FeedOptions): Feed {
  const feed = new PacedFeed(options)
  return {
    get begun() {
      return feed.begun
    },
    done: feed.run(),
  }
}

class PacedFeed {
  begun = 0
  readonly #options: FeedOptions
  /** Tick → what is sent in it. */
  readonly #due = new Map<number, { readonly exchange: FeedExchange; readonly kind: number }[]>()
  readonly #acknowledged: (number | undefined)[][] = Array.from({ length: topics.exchanges.partitions }, () => [])
  readonly #planned = { late: 0, missing: 0, twice: 0 }
  #records = 0
  #poison = 0
  #waiting = 0
  #failure: unknown = null

  constructor(options: FeedOptions) {
    this.#options = options
  }

  async run(): Promise<Sent> {
    const { transport, exchanges, minutes } = this.#options
    const producers = [await transport.producer(), await transport.producer()]
    const ticks = (minutes * 60_000) / tickMs
    const beganMs = performance.now()
    let feedMs = 0
    for (let tick = 0, lastMs = beganMs; this.begun < exchanges || this.#due.size > 0; ) {
      await delay(tickMs / 2)
      if (this.#failure !== null) throw this.#failure
      const nowMs = performance.now()
      const passedMs = nowMs - lastMs
      lastMs = nowMs
      if (this.#waiting > waitingMax) continue
      feedMs = Math.min(feedMs + passedMs * haste, nowMs - beganMs)
      for (; tick * tickMs < feedMs; tick += 1) {
        this.#begin(tick, Math.min(exchanges, Math.ceil((exchanges * (tick + 1)) / ticks)))
        this.#send(tick, producers)
      }
    }
    while (this.#waiting > 0 && this.#failure === null) await delay(tickMs)
    if (this.#failure !== null) throw this.#failure
    for (const producer of producers) await producer.close()
    return { acknowledged: this.#acknowledged, records: this.#records, poison: this.#poison, planned: this.#planned }
  }

  #begin(tick: number, until: number): void {
    for (; this.begun < until; this.begun += 1) {
      const exchange = feedExchange(this.#options, this.begun)
      if (exchange.oddity !== null) this.#planned[exchange.oddity] += 1
      for (const { kind, afterMs } of exchange.sendings) {
        const at = tick + Math.floor(afterMs / tickMs)
        const due = this.#due.get(at) ?? []
        due.push({ exchange, kind: recordKinds.indexOf(kind) })
        this.#due.set(at, due)
      }
    }
  }

  #send(tick: number, producers: readonly Producer[]): void {
    const due = this.#due.get(tick) ?? []
    this.#due.delete(tick)
    for (const [index, producer] of producers.entries()) {
      // Both hold records of the same exchanges, whose clocks then disagree; a request and its plan go together.
      const own = due.filter(
        ({ exchange, kind }) => ((exchange.number + Math.max(kind, 1)) % 10 === 0) === (index === 1),
      )
      const nowMs = Date.now() + index * hourMs
      const records = own.map(({ exchange, kind }) => this.#record(exchange, kind, nowMs))
      const codes = own.map(({ exchange, kind }) => exchange.number * recordKinds.length + kind)
      if (index === 0 && due.some(({ exchange, kind }) => exchange.number % poisonEvery === 0 && kind === 0)) {
        records.push({ topic: topics.exchanges.name, key: `poison-${tick}`, value: Buffer.from('no record at all') })
        codes.push(poisonCode)
        this.#poison += 1
      }
      if (records.length > 0) void this.#acknowledge(producer, records, codes)
    }
  }

  #record(exchange: FeedExchange, kind: number, nowMs: number): OutRecord {
    const name = recordKinds[kind] ?? 'request'
    const value = this.#encode(exchange, name, nowMs)
    return { topic: topics.exchanges.name, key: idOf(exchange.number), value }
  }

  #encode(exchange: FeedExchange, kind: RecordKind, nowMs: number): Buffer {
    const { codec, places } = this.#options
    const place = places[exchange.run]
    if (kind === 'request') return codec.encode('Request', requestOf(exchange, place, nowMs))
    if (kind === 'plan') return codec.encode('ShadowPlan', planOf(exchange, place, nowMs))
    return codec.encode('Response', answerOf(exchange, kind, nowMs))
  }

  async #acknowledge(producer: Producer, records: readonly OutRecord[], codes: readonly number[]): Promise<void> {
    this.#waiting += records.length
    this.#records += records.length
    try {
      const written = await producer.send(records)
      for (const [index, { partition, offset }] of written.entries()) {
        const lane = this.#acknowledged[partition]
        if (lane !== undefined) lane[offset] = codes[index]
      }
    } catch (error) {
      this.#failure = error
    }
    this.#waiting -= records.length
  }
}
