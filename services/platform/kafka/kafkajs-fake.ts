import type { Consumer, ConsumerConfig, ConsumerRunConfig, EachBatchPayload, Kafka } from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import type { TopicNames } from './topic-names.ts'

type Handler = (event: { readonly payload: unknown }) => void

/** A kafkajs that only counts how often a consumer was run and ended, and tells of joins and crashes when it is told to. */
export interface KafkajsFake {
  readonly kafka: Kafka
  readonly names: TopicNames
  readonly log: Logger
  /** What was logged. */
  readonly said: string[]
  /** `joins` settles when a run has joined, `answer` when a commit is answered. */
  readonly calls: {
    run: number
    disconnect: number
    joins: PromiseWithResolvers<void>
    answer: PromiseWithResolvers<void>
  }
  /** `topic/partition` of what is paused: kafkajs remembers it through rebalances, whoever has the partition meanwhile. */
  readonly paused: Set<string>
  readonly configs: readonly ConsumerConfig[]
  /** Hands over an empty batch of partition 0 of `topic`; settles when the consumer is through with it. */
  deliver(topic: string, heartbeat: () => Promise<void>): Promise<void>
  emit(event: 'crash' | 'rebalancing' | 'join' | 'commit' | 'end', payload: unknown): void
}

export function createKafkajsFake(): KafkajsFake {
  const said: string[] = []
  const say = (_: unknown, message: string) => void said.push(message)
  const log: Logger = { debug: say, info: say, warn: say, error: say, child: () => log }
  const handlers = new Map<string, Handler>()
  const calls = { run: 0, disconnect: 0, joins: Promise.withResolvers<void>(), answer: Promise.withResolvers<void>() }
  calls.joins.resolve()
  const paused = new Set<string>()
  let deliver: ConsumerRunConfig['eachBatch']
  const each = (act: (key: string) => void) => (topics: readonly { topic: string; partitions?: number[] }[]) => {
    for (const { topic, partitions = [] } of topics) for (const partition of partitions) act(`${topic}/${partition}`)
  }
  const consumer = {
    events: {
      CRASH: 'crash',
      REBALANCING: 'rebalancing',
      GROUP_JOIN: 'join',
      COMMIT_OFFSETS: 'commit',
      END_BATCH_PROCESS: 'end',
    },
    on: (event: string, handler: Handler) => void handlers.set(event, handler),
    connect: async () => undefined,
    subscribe: async () => undefined,
    seek: () => undefined,
    pause: each((key) => void paused.add(key)),
    resume: each((key) => void paused.delete(key)),
    commitOffsets: () => calls.answer.promise,
    run: async ({ eachBatch }: ConsumerRunConfig) => {
      calls.run += 1
      deliver = eachBatch
      await calls.joins.promise
    },
    disconnect: async () => {
      calls.disconnect += 1
    },
  }
  const configs: ConsumerConfig[] = []
  const kafka = {
    consumer: (config: ConsumerConfig) => {
      configs.push(config)
      return consumer as unknown as Consumer
    },
  }
  const names = { toBroker: (name: string) => name, fromBroker: (name: string) => name }
  const emit: KafkajsFake['emit'] = (event, payload) => handlers.get(event)?.({ payload })
  const batchOf = (topic: string) => ({ topic, partition: 0, messages: [], highWatermark: '0', lastOffset: () => '-1' })
  const handOver = async (topic: string, heartbeat: () => Promise<void>) => {
    const payload = { batch: batchOf(topic), isRunning: () => true, isStale: () => false, heartbeat }
    await deliver?.(payload as unknown as EachBatchPayload)
  }
  return { deliver: handOver, kafka: kafka as unknown as Kafka, names, log, said, calls, paused, configs, emit }
}
