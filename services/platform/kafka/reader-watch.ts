import type { Clock } from '../../domain/time/clock.ts'
import type { Loop } from '../lifecycle/health.ts'
import type { Gauge, Histogram, Metrics } from '../metrics/metrics.ts'
import type { RecordBatch, TopicPartition } from './transport.ts'

/** An idle partition is told to be read to its end twice a second. */
export const silentMaxMs = 10_000
/** Longest time without having seen the end of a partition. */
export const behindMaxMs = 60_000

export interface ReadMetrics {
  readonly service: string
  readonly lag: Gauge
  readonly unread: Gauge
  readonly delay: Histogram
}

export function createReadMetrics(metrics: Metrics, service: string): ReadMetrics {
  return {
    service,
    lag: metrics.gauge('penstock_kafka_lag_records', 'Records not yet handled, by partition', [
      'service',
      'topic',
      'partition',
    ]),
    unread: metrics.gauge('penstock_kafka_unread_seconds', 'Time since the partition was seen to be read to its end', [
      'service',
      'topic',
      'partition',
    ]),
    delay: metrics.histogram(
      'penstock_kafka_delivery_seconds',
      'From the stamp of a record to its delivery, while the partition is kept up with',
      [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60],
      ['service', 'topic'],
    ),
  }
}

interface Watched {
  readonly at: TopicPartition
  /** When its end was last seen to be read; null: not yet. */
  endSeenMs: number | null
  readonly sinceMs: number
  lag: number
  /** Then nothing has to be heard of it, whatever is under way or polled meanwhile. */
  paused: boolean
  /** Tells the loop that something was heard of the partition. */
  heard: () => void
}

/** What one consumer is known to have read and how long it has been silent. */
export class ReaderWatch {
  readonly #name: string
  readonly #clock: Clock
  readonly #loop: Loop
  readonly #metrics: ReadMetrics
  readonly #partitions = new Map<string, Watched>()
  /** A group's member without partitions is ready: others have them. */
  #mayBeIdle = false
  #heardMs: number
  #handling = 0

  constructor(options: {
    readonly name: string
    readonly clock: Clock
    readonly loop: Loop
    readonly metrics: ReadMetrics
  }) {
    this.#name = options.name
    this.#clock = options.clock
    this.#loop = options.loop
    this.#metrics = options.metrics
    this.#heardMs = options.clock.monoMs()
  }

  /** From now on something must be heard of them; of none: others in the group have what there is. */
  own(partitions: readonly TopicPartition[]): void {
    this.#mayBeIdle = true
    for (const at of partitions) {
      const watched = this.#watched(at)
      watched.paused = false
      this.#awaitWord(watched)
    }
  }

  /** Nothing is heard of them for a while, and that is as it should be. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) {
      const watched = this.#watched(at)
      watched.paused = true
      watched.heard()
    }
  }

  disown(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) {
      const watched = this.#partitions.get(idOf(at))
      if (watched === undefined) continue
      watched.heard()
      this.#partitions.delete(idOf(at))
      for (const gauge of [this.#metrics.lag, this.#metrics.unread]) gauge.remove(this.#labels(at))
    }
  }

  end(): void {
    this.disown([...this.#partitions.values()].map(({ at }) => at))
  }

  async handle(batch: RecordBatch, act: () => Promise<void>): Promise<void> {
    const watched = this.#watched(batch)
    const first = batch.records[0]
    const last = batch.records.at(-1)
    this.#heardMs = this.#clock.monoMs()
    watched.heard()
    if (first !== undefined) this.#setLag(watched, batch.endOffset - first.offset)
    if (last !== undefined && watched.endSeenMs !== null) {
      const { topic } = batch
      const delayMs = Math.max(0, this.#clock.nowMs() - last.timestampMs)
      this.#metrics.delay.observe(delayMs / 1_000, { service: this.#metrics.service, topic })
    }
    const done = this.#loop.begin()
    this.#handling += 1
    try {
      await act()
    } finally {
      this.#handling -= 1
      this.#heardMs = this.#clock.monoMs()
      done()
    }
    // Taken away meanwhile: then it is not waited for.
    if (this.#partitions.get(idOf(batch)) !== watched) return
    if (last !== undefined) this.#setLag(watched, batch.endOffset - last.offset - 1)
    this.#awaitWord(watched)
  }

  caughtUp(at: TopicPartition): void {
    const watched = this.#watched(at)
    const nowMs = this.#clock.monoMs()
    this.#heardMs = nowMs
    watched.endSeenMs = nowMs
    this.#setLag(watched, 0)
    this.#awaitWord(watched)
  }

  /** Why it is not known to be caught up; null when it is. */
  whyNot(): string | null {
    const nowMs = this.#clock.monoMs()
    const partitions = [...this.#partitions.values()]
    if (partitions.length === 0 && !this.#mayBeIdle) return 'its partitions are not known yet'
    const silentMs = nowMs - this.#heardMs
    if (partitions.length > 0 && this.#handling === 0 && silentMs >= silentMaxMs)
      return `nothing heard from the broker for ${Math.round(silentMs / 1_000)} s`
    const fresh = partitions.filter(({ endSeenMs }) => endSeenMs === null)
    if (fresh.length > 0) return `not yet read to the end: ${listed(fresh)}`
    const behind = partitions.filter(({ endSeenMs }) => nowMs - (endSeenMs ?? 0) >= behindMaxMs)
    if (behind.length === 0) return null
    const longestMs = Math.max(...behind.map(({ endSeenMs }) => nowMs - (endSeenMs ?? 0)))
    return `not read to the end for ${Math.round(longestMs / 1_000)} s: ${listed(behind)}`
  }

  show(): void {
    const nowMs = this.#clock.monoMs()
    for (const { at, endSeenMs, sinceMs } of this.#partitions.values())
      this.#metrics.unread.set((nowMs - (endSeenMs ?? sinceMs)) / 1_000, this.#labels(at))
  }

  #awaitWord(watched: Watched): void {
    watched.heard()
    if (!watched.paused) watched.heard = this.#loop.begin()
  }

  #setLag(watched: Watched, records: number): void {
    watched.lag = Math.max(0, records)
    this.#metrics.lag.set(watched.lag, this.#labels(watched.at))
  }

  #watched({ topic, partition }: TopicPartition): Watched {
    const at = { topic, partition }
    const known = this.#partitions.get(idOf(at))
    if (known !== undefined) return known
    const made = { at, endSeenMs: null, sinceMs: this.#clock.monoMs(), lag: 0, paused: false, heard: () => undefined }
    this.#partitions.set(idOf(at), made)
    return made
  }

  #labels({ topic, partition }: TopicPartition): Readonly<Record<string, string>> {
    return { service: this.#metrics.service, topic, partition: String(partition) }
  }
}

const listedMax = 3

function listed(partitions: readonly Watched[]): string {
  const first = partitions.slice(0, listedMax).map(({ at, lag }) => `${at.topic}/${at.partition} (lag ${lag})`)
  const more = partitions.length - first.length
  return `${first.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function idOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
