import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import { createPartitionPositions, type PartitionPositions } from './partition-positions.ts'
import type { SharedAdmin } from './shared-admin.ts'
import { topicEnds } from './topic-ends.ts'
import type { TopicNames } from './topic-names.ts'
import type { InRecord, RecordBatch, TopicPartition } from './transport.ts'
import { transportError } from './transport-error.ts'

/** What group consumers and readers have in common: one kafkajs consumer that never commits by itself and delivers each offset once. */
export interface KafkajsConsumer {
  readonly consumer: Consumer
  readonly positions: PartitionPositions
  readonly crashed: Promise<never>
  /** Aborts when the consumer is stopped. */
  readonly stopped: AbortSignal
  start(): Promise<void>
  stop(): Promise<void>
}

export interface KafkajsConsumerOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  onBatch(batch: RecordBatch): Promise<void>
  /** After every (re)join: the partitions this member has now. What it resolves to is awaited before any delivery. */
  onJoin(assigned: readonly TopicPartition[], memberId: string): Promise<void>
  /** Membership is in doubt until the next join. */
  onRebalance(): void
  onCaughtUp?(partition: TopicPartition, endOffset: number): void
  readonly caughtUpPollMs?: number
  readonly maxWaitMs?: number
  readonly maxBatchBytesPerPartition?: number
  /** See KafkajsTransportOptions. */
  waits?(what: string, why: string | null): void
}

const sessionTimeoutMs = 6_000
const heartbeatMs = 1_500
const rebalanceTimeoutMs = 15_000
const defaultMaxWaitMs = 150
const defaultMaxBytesPerPartition = 2 * 1024 * 1024
const defaultCaughtUpPollMs = 500
const againMs = 1_000
const answerWithinMs = 5_000
/** As kafkajs has it when nothing is said. */
const crashAfterRetries = 5

export function createKafkajsConsumer(
  kafka: Kafka,
  admin: SharedAdmin,
  names: TopicNames,
  log: Logger,
  options: KafkajsConsumerOptions,
): KafkajsConsumer {
  return new OnceDeliveringConsumer(kafka, admin, names, log, options)
}

class OnceDeliveringConsumer implements KafkajsConsumer {
  readonly consumer: Consumer
  readonly positions: PartitionPositions = createPartitionPositions()
  readonly crashed: Promise<never>
  readonly #end = new AbortController()
  readonly #options: KafkajsConsumerOptions
  readonly #doing: string
  readonly #names: TopicNames
  readonly #poll: { stop(): void } | null
  #joined: Promise<void> = new Promise(() => undefined)
  /** What follows the last join is done: before that, nothing may be delivered or said about a partition. */
  #ready = false
  #dead = false
  #joining: Promise<void> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined
  #reject: (cause: unknown) => void = () => undefined

  constructor(kafka: Kafka, admin: SharedAdmin, names: TopicNames, log: Logger, options: KafkajsConsumerOptions) {
    this.#options = options
    this.#doing = `consuming ${options.topics.join(', ')}`
    this.#names = names
    this.crashed = new Promise<never>((_, reject) => {
      this.#reject = reject
    })
    this.crashed.catch(() => undefined)
    this.consumer = kafka.consumer({
      groupId: names.toBroker(options.groupId),
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      maxWaitTimeInMs: options.maxWaitMs ?? defaultMaxWaitMs,
      minBytes: 1,
      maxBytesPerPartition: options.maxBatchBytesPerPartition ?? defaultMaxBytesPerPartition,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      // Its own restarts cannot be stopped: a stop that finds one under way is lost, and the consumer joins as a member that nobody knows.
      retry: { retries: crashAfterRetries, restartOnFailure: async () => false },
    })
    this.#listen(log)
    const { onCaughtUp } = options
    this.#poll =
      onCaughtUp === undefined
        ? null
        : pollCaughtUp(admin, names, this.positions, options.caughtUpPollMs ?? defaultCaughtUpPollMs, {
            onCaughtUp: (partition, endOffset) => {
              if (this.#ready && !this.#dead) onCaughtUp(partition, endOffset)
            },
            asked: (error) => {
              if (!this.#dead) options.waits?.('asking for ends', error)
            },
          })
  }

  get stopped(): AbortSignal {
    return this.#end.signal
  }

  async start(): Promise<void> {
    const { topics } = this.#options
    try {
      await this.consumer.connect()
      await this.consumer.subscribe({ topics: topics.map(this.#names.toBroker), fromBeginning: true })
      await this.#run()
    } catch (cause) {
      await this.stop().catch(() => undefined)
      throw transportError(cause, `subscribing to ${topics.join(', ')}`)
    }
  }

  /** Settles when the consumer has joined, or has crashed. */
  async #run(): Promise<void> {
    const joining = this.consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: true,
      partitionsConsumedConcurrently: 3,
      eachBatch: (payload) => this.#deliver(payload),
    })
    this.#joining = joining.catch(() => undefined)
    await joining
  }

  /** Goes on where kafkajs gave up although the broker will be back: it has disconnected, and `run` begins with a new membership. */
  #again(): void {
    if (this.#dead) return
    this.#restart = setTimeout(() => {
      this.#run().catch((cause: unknown) => this.#crash(cause))
    }, againMs)
  }

  async stop(): Promise<void> {
    this.#dead = true
    clearTimeout(this.#restart)
    this.#end.abort()
    this.#poll?.stop()
    // Between breaking off and joining again nobody else would say that it waits no longer: the service would never be ready.
    this.#options.waits?.(this.#doing, null)
    // kafkajs cannot stop what has not joined yet; it would go on joining. With the broker away this lasts until its tries are used up.
    await this.#joining
    await this.consumer.disconnect()
  }

  #crash(cause: unknown): void {
    this.#dead = true
    this.#reject(cause)
  }

  #listen(log: Logger): void {
    const { consumer } = this
    const { events } = consumer
    consumer.on(events.REBALANCING, () => {
      this.#ready = false
      this.#options.onRebalance()
    })
    consumer.on(events.GROUP_JOIN, ({ payload }) => {
      const assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => ({ topic: this.#names.fromBroker(topic), partition })),
      )
      this.#ready = false
      this.#options.waits?.(this.#doing, null)
      const joined = this.#options.onJoin(assigned, payload.memberId)
      this.#joined = joined
      joined.then(
        () => {
          this.#ready = this.#joined === joined
        },
        (cause: unknown) => this.#crash(cause),
      )
    })
    consumer.on(events.CRASH, ({ payload }) => {
      if (this.#end.signal.aborted) return
      const { groupId } = this.#options
      const error = transportError(payload.error, this.#doing)
      // The broker is away or a leader moves. Everything else is final.
      if (payload.error.name !== 'KafkaJSNumberOfRetriesExceeded' && !error.retriable) return this.#crash(error)
      this.#options.waits?.(this.#doing, error.message)
      log.warn({ group: groupId, err: error.message }, 'consuming broke off; starting over')
      this.#again()
    })
    // Batches that hold only control records or aborted data reach no handler, but they are behind us all the same.
    consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize > 0) return
      const partition = { topic: this.#names.fromBroker(payload.topic), partition: payload.partition }
      // They are fetched once, perhaps before the partition is taken over: until then it has no position to advance.
      const advance = () => this.#dead || this.positions.advance(partition, Number(payload.lastOffset) + 1)
      if (this.#ready) advance()
      else this.#joined.then(advance, () => undefined)
    })
  }

  /**
   * Taking partitions over may mean reading much of the log. kafkajs beats between batches only, so that a member that did so in silence would be given up
   * before it had begun, and begin again, for ever.
   */
  async #joinedAlive(heartbeat: () => Promise<void>): Promise<void> {
    for (let joined: Promise<void> | null = null; joined !== this.#joined; ) {
      joined = this.#joined
      await meanwhile(joined, heartbeat)
    }
  }

  async #deliver({ batch, isRunning, isStale, heartbeat }: EachBatchPayload): Promise<void> {
    await this.#joinedAlive(heartbeat)
    const partition = { topic: this.#names.fromBroker(batch.topic), partition: batch.partition }
    if (this.#dead || !isRunning() || isStale() || !this.positions.owns(partition)) return
    const messages = batch.messages.map((message) => toRecord(partition, message))
    const records = this.positions.fresh(partition, messages)
    const endOffset = Number(batch.highWatermark)
    try {
      if (records.length > 0) await this.#options.onBatch({ ...partition, records, endOffset })
    } catch (cause) {
      this.#crash(cause)
      return
    }
    const next = Number(batch.lastOffset()) + 1
    this.positions.advance(partition, next)
    if (next >= endOffset) this.#options.onCaughtUp?.(partition, endOffset)
  }
}

/** An idle partition tells nothing by itself, so the broker is asked where the ends are, again and again. */
function pollCaughtUp(
  admin: SharedAdmin,
  names: TopicNames,
  positions: PartitionPositions,
  everyMs: number,
  told: {
    onCaughtUp(partition: TopicPartition, endOffset: number): void
    /** Why the broker did not answer; null: it did. */
    asked(why: string | null): void
  },
): { stop(): void } {
  /** When the poll that is under way began; null between two. */
  let begunMs: number | null = null
  const poll = async () => {
    const owned = positions.owned()
    for (const topic of new Set(owned.map((partition) => partition.topic))) {
      const ends = await admin.ask('asking for ends', (client) => topicEnds(client, names.toBroker(topic)))
      for (const { partition, low, high } of ends) {
        const position = positions.position({ topic, partition })
        if (position === null) continue
        // Where retention has removed everything, there is nothing left to read below the end.
        if (Math.max(position, low) >= high) told.onCaughtUp({ topic, partition }, high)
      }
    }
  }
  const timer = setInterval(() => {
    if (begunMs !== null) {
      // A broker that hangs is asked many times over before the client gives up: minutes, in which nobody would be told.
      const silentMs = performance.now() - begunMs
      if (silentMs >= answerWithinMs) told.asked(`the broker has not answered for ${Math.round(silentMs / 1_000)} s`)
      return
    }
    begunMs = performance.now()
    // A broker that is away is reported by the consumer itself; here it only means that nothing is known to be read to its end.
    poll()
      .then(() => told.asked(null))
      .catch((cause: unknown) => told.asked(cause instanceof Error ? cause.message : String(cause)))
      .finally(() => {
        begunMs = null
      })
  }, everyMs)
  return { stop: () => clearInterval(timer) }
}

/** Waits until something has settled, and acts again and again until then. What `act` throws ends the waiting. */
async function meanwhile(settles: Promise<void>, act: () => Promise<void>): Promise<void> {
  let settled = false
  const done = settles.finally(() => {
    settled = true
  })
  done.catch(() => undefined)
  while (!settled) {
    let timer: NodeJS.Timeout | undefined
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, heartbeatMs)
    })
    await Promise.race([done, pause]).finally(() => clearTimeout(timer))
    if (!settled) await act()
  }
}

function toRecord(partition: TopicPartition, message: EachBatchPayload['batch']['messages'][number]): InRecord {
  const headers = Object.entries(message.headers ?? {}).map(
    ([name, value]) => [name, String(Array.isArray(value) ? value[0] : value)] as const,
  )
  return {
    ...partition,
    offset: Number(message.offset),
    key: message.key === null ? null : message.key.toString('utf8'),
    value: message.value,
    headers: Object.fromEntries(headers),
    timestampMs: Number(message.timestamp),
  }
}
