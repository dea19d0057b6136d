import type { Clock } from '../../domain/time/clock.ts'
import { MemoryGroup, type MemoryGroupConsumer } from './memory-group.ts'
import { MemoryPartition } from './memory-log.ts'
import { laneKey, MemoryPump } from './memory-pump.ts'
import { partitionOf } from './partition-counts.ts'
import { defaultMaxBatchBytes, recordBytes } from './record-size.ts'
import type {
  ConsumedOffset,
  GroupConsumerOptions,
  OutRecord,
  Producer,
  Reader,
  ReaderOptions,
  StartAt,
  TopicPartition,
  TopicSpec,
  TransactionalProducer,
  Transport,
  Written,
} from './transport.ts'
import { TransportError } from './transport-error.ts'

export type FailingCall = 'send' | 'commit' | 'transaction'

export interface Failure {
  readonly error: unknown
  /** Whether the broker did the work and only the answer was lost. */
  readonly done?: boolean
}

/**
 * Kafka in memory, for unit tests: partitions, groups with rebalances, transactions with fencing, retention and compaction, append times from
 * an injected clock, and faults on demand. The contract suite that the kafkajs transport passes runs against it, too.
 */
export class MemoryTransport implements Transport {
  readonly #clock: Clock
  readonly #topics = new Map<string, readonly MemoryPartition[]>()
  readonly #configs = new Map<string, TopicSpec['config']>()
  readonly #groups = new Map<string, MemoryGroup>()
  readonly #readers = new Set<MemoryPump>()
  readonly #epochs = new Map<string, number>()
  readonly #failures = new Map<FailingCall, Failure[]>()
  #stalled: PromiseWithResolvers<void> | null = null
  #behind: PromiseWithResolvers<void> | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The next call of that kind fails once; calls add up. */
  failNext(call: FailingCall, failure: Failure): void {
    this.#failures.set(call, [...(this.#failures.get(call) ?? []), failure])
  }

  /** From now on nothing is answered or delivered, as when the broker hangs. */
  stall(): void {
    this.#stalled ??= Promise.withResolvers()
  }

  unstall(): void {
    this.#stalled?.resolve()
    this.#stalled = null
    this.poll()
  }

  /**
   * From now on a replica is behind: what is written stands in the log with its time, and is neither acknowledged nor shown. Ends are told as fast as ever.
   */
  replicaBehind(): void {
    this.#behind ??= Promise.withResolvers()
    for (const log of [...this.#topics.values()].flat()) log.hold()
  }

  replicaBack(): void {
    for (const log of [...this.#topics.values()].flat()) log.show()
    this.#behind?.resolve()
    this.#behind = null
    this.poll()
  }

  /** What a poll of every consumer does: delivers what is new and tells again which partitions are read to their end. */
  poll(): void {
    for (const group of this.#groups.values()) group.wake()
    for (const reader of this.#readers) reader.wake()
  }

  compact(topic: string): void {
    for (const log of this.#partitionsOf(topic)) log.compact()
  }

  /** Retention removes what lies below `offset`. */
  truncateBefore({ topic, partition, offset }: ConsumedOffset): void {
    this.#logOf({ topic, partition }).truncateBefore(offset)
  }

  async producer(options: { readonly maxBatchBytes?: number } = {}): Promise<Producer> {
    let closed = false
    return {
      send: async (records) => {
        if (closed) throw new TransportError('the producer is closed', { code: 'CLOSED' })
        refuseTooLarge(records, options.maxBatchBytes ?? defaultMaxBatchBytes)
        await this.#stalled?.promise
        const written = this.#failing('send', () => this.#append(records))
        await this.#behind?.promise
        return written
      },
      close: async () => {
        closed = true
      },
    }
  }

  async transactional(transactionalId: string): Promise<TransactionalProducer> {
    await this.#stalled?.promise
    // The markers of what the former producer had under way must be on every replica first.
    await this.#behind?.promise
    const epoch = (this.#epochs.get(transactionalId) ?? 0) + 1
    this.#epochs.set(transactionalId, epoch)
    return {
      commit: async ({ records, offsets, groupId }) => {
        refuseTooLarge(records, defaultMaxBatchBytes)
        await this.#stalled?.promise
        if (this.#epochs.get(transactionalId) !== epoch)
          throw new TransportError(`another producer with the id ${transactionalId} took over`, { code: 'FENCED' })
        const done = this.#failing('transaction', () => {
          const written = this.#append(records)
          for (const at of distinct(written)) this.#logOf(at).appendHidden()
          this.#group(groupId).commitOffsets(offsets)
          return written
        })
        await this.#behind?.promise
        return done
      },
      close: async () => undefined,
    }
  }

  async consume(options: GroupConsumerOptions): Promise<MemoryGroupConsumer> {
    for (const topic of options.topics) this.#partitionsOf(topic)
    return this.#group(options.groupId).join(options)
  }

  async read(options: ReaderOptions): Promise<Reader> {
    const lanes = options.topics.flatMap((topic) =>
      this.#partitionsOf(topic).map((log, partition) => ({ topic, partition, log })),
    )
    const caughtUp = Promise.withResolvers<void>()
    const starts = lanes.map(({ topic, partition, log }) => startOffset(options.startAt, { topic, partition }, log))
    const targets = new Map(
      lanes.flatMap((at, index) => ((starts[index] ?? 0) < at.log.end ? [[laneKey(at), at.log.end]] : [])),
    )
    if (targets.size === 0) caughtUp.resolve()
    const pump: MemoryPump = new MemoryPump(
      {
        ...options,
        onCaughtUp: (at, endOffset) => {
          if (targets.size > 0) {
            const key = laneKey(at)
            if ((targets.get(key) ?? Number.POSITIVE_INFINITY) <= endOffset) targets.delete(key)
            if (targets.size === 0) caughtUp.resolve()
          }
          options.onCaughtUp?.(at, endOffset)
        },
      },
      () => this.#stalled !== null,
    )
    for (const [index, { topic, partition, log }] of lanes.entries())
      pump.add({ topic, partition }, log, starts[index] ?? 0)
    this.#readers.add(pump)
    return {
      caughtUp: caughtUp.promise,
      crashed: pump.crashed,
      stop: async () => {
        this.#readers.delete(pump)
        await pump.stop()
      },
    }
  }

  async ensureTopics(specs: readonly TopicSpec[]) {
    const missing = specs.filter(({ name }) => !this.#topics.has(name))
    const differing = specs.filter(({ name, partitions, config }) => {
      const existing = this.#topics.get(name)
      if (existing === undefined) return false
      const settings = this.#configs.get(name) ?? {}
      return existing.length !== partitions || Object.entries(config).some(([key, value]) => settings[key] !== value)
    })
    for (const { name, config } of missing) this.#configs.set(name, config)
    for (const { name, partitions } of missing)
      this.#topics.set(
        name,
        Array.from({ length: partitions }, (_, partition) => new MemoryPartition({ topic: name, partition })),
      )
    return { created: missing.map(({ name }) => name), differing: differing.map(({ name }) => name) }
  }

  async partitionCount(topic: string): Promise<number> {
    return this.#partitionsOf(topic).length
  }

  async endOffsets(topic: string): Promise<readonly ConsumedOffset[]> {
    return this.#partitionsOf(topic).map((log, partition) => ({ topic, partition, offset: log.end }))
  }

  async close(): Promise<void> {
    this.unstall()
    this.replicaBack()
  }

  #group(groupId: string): MemoryGroup {
    const known =
      this.#groups.get(groupId) ??
      new MemoryGroup({
        partitionsOf: (topic) => this.#partitionsOf(topic),
        stalled: () => this.#stalled !== null,
        beforeCommit: () => this.#failing('commit', () => undefined),
      })
    this.#groups.set(groupId, known)
    return known
  }

  #append(records: readonly OutRecord[]): readonly Written[] {
    const nowMs = this.#clock.nowMs()
    const placed = records.map((record) => ({ record, at: { topic: record.topic, partition: this.#place(record) } }))
    // All partitions are known before the first record is written: a wrong topic writes nothing.
    const logs = placed.map(({ at }) => this.#logOf(at))
    const written = placed.map(({ record, at }, index) => ({ ...at, offset: logs[index]?.append(record, nowMs) ?? -1 }))
    for (const at of distinct(written)) this.#wakeAt(at)
    return written
  }

  #wakeAt(at: TopicPartition): void {
    const key = laneKey(at)
    for (const group of this.#groups.values()) group.wakeAt(key)
    for (const reader of this.#readers) reader.wakeAt(key)
  }

  #place({ topic, key, partition }: OutRecord): number {
    return partition ?? (key === null ? 0 : partitionOf(key, this.#partitionsOf(topic).length))
  }

  #partitionsOf(topic: string): readonly MemoryPartition[] {
    const partitions = this.#topics.get(topic)
    if (partitions === undefined)
      throw new TransportError(`there is no topic ${topic}`, { code: 'UNKNOWN_TOPIC', retriable: true })
    return partitions
  }

  #logOf({ topic, partition }: TopicPartition): MemoryPartition {
    const log = this.#partitionsOf(topic)[partition]
    if (log === undefined)
      throw new TransportError(`${topic} has no partition ${partition}`, { code: 'UNKNOWN_TOPIC', retriable: true })
    return log
  }

  #failing<T>(call: FailingCall, work: () => T): T {
    const failure = this.#failures.get(call)?.shift()
    if (failure === undefined) return work()
    if (failure.done === true) work()
    throw failure.error
  }
}

function refuseTooLarge(records: readonly OutRecord[], maxBytes: number): void {
  for (const record of records) {
    const bytes = recordBytes(record)
    if (bytes > maxBytes)
      throw new TransportError(`a record of ${bytes} bytes for ${record.topic} is larger than ${maxBytes}`, {
        code: 'RECORD_TOO_LARGE',
      })
  }
}

function distinct(partitions: readonly TopicPartition[]): readonly TopicPartition[] {
  if (partitions.length < 2) return partitions
  return [...new Map(partitions.map((at) => [laneKey(at), at])).values()]
}

function startOffset(startAt: StartAt, at: TopicPartition, log: MemoryPartition): number {
  if (startAt === 'beginning') return log.low
  if (startAt === 'end') return log.end
  const wanted = startAt.find((offset) => laneKey(offset) === laneKey(at))
  return wanted === undefined ? log.low : Math.min(Math.max(wanted.offset, log.low), log.end)
}
