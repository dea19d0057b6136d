import { randomUUID } from 'node:crypto'
import type { Kafka } from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import { createKafkajsConsumer, type KafkajsConsumerOptions } from './kafkajs-consumer.ts'
import type { SharedAdmin } from './shared-admin.ts'
import { topicEnds } from './topic-ends.ts'
import type { TopicNames } from './topic-names.ts'
import type { Reader, ReaderOptions, StartAt, TopicPartition } from './transport.ts'

/** Reads all partitions alone, in a group of its own that nobody shares and that is deleted at the end (kafkajs has no assign()). */
export async function startKafkajsReader(
  kafka: Kafka,
  admin: SharedAdmin,
  names: TopicNames,
  log: Logger,
  options: ReaderOptions & Pick<KafkajsConsumerOptions, 'waits'> & { readonly clientId: string },
): Promise<Reader> {
  // Rights to groups are given by the service's name that their ids begin with.
  const groupId = `${options.clientId}-reader-${randomUUID()}`
  const bounds = await fetchBounds(admin, names, options.topics)
  const startOf = (bound: Bound) => startOffset(options.startAt, bound)
  const targets = new Map(
    bounds.filter((bound) => startOf(bound) < bound.high).map((bound) => [idOf(bound), bound.high]),
  )
  let resolveCaughtUp: () => void = () => undefined
  const caughtUp = new Promise<void>((resolve) => {
    resolveCaughtUp = resolve
  })
  if (targets.size === 0) resolveCaughtUp()

  const reached = (partition: TopicPartition) => {
    const target = targets.get(idOf(partition))
    if (target === undefined || (inner.positions.position(partition) ?? 0) < target) return
    targets.delete(idOf(partition))
    if (targets.size === 0) resolveCaughtUp()
  }
  const inner = createKafkajsConsumer(kafka, admin, names, log, {
    groupId,
    topics: options.topics,
    onBatch: options.onBatch,
    ...(options.waits === undefined ? {} : { waits: options.waits }),
    ...(options.caughtUpPollMs === undefined ? {} : { caughtUpPollMs: options.caughtUpPollMs }),
    ...(options.maxWaitMs === undefined ? {} : { maxWaitMs: options.maxWaitMs }),
    ...(options.maxBatchBytesPerPartition === undefined
      ? {}
      : { maxBatchBytesPerPartition: options.maxBatchBytesPerPartition }),
    onCaughtUp(partition, endOffset) {
      reached(partition)
      options.onCaughtUp?.(partition, endOffset)
    },
    onRebalance: () => undefined,
    async onJoin(assigned) {
      for (const partition of assigned) {
        const bound = bounds.find((candidate) => idOf(candidate) === idOf(partition))
        if (!inner.positions.owns(partition)) inner.positions.own(partition, bound === undefined ? 0 : startOf(bound))
        inner.consumer.seek({
          topic: names.toBroker(partition.topic),
          partition: partition.partition,
          offset: String(inner.positions.position(partition) ?? 0),
        })
      }
    },
  })
  await inner.start()
  return {
    caughtUp,
    crashed: inner.crashed,
    async stop() {
      await inner.stop()
      // The group is nobody else's; left behind it would only expire after days.
      await admin.ask('leaving', (client) => client.deleteGroups([names.toBroker(groupId)])).catch(() => undefined)
    },
  }
}

interface Bound extends TopicPartition {
  readonly low: number
  readonly high: number
}

async function fetchBounds(
  admin: SharedAdmin,
  names: TopicNames,
  topics: readonly string[],
): Promise<readonly Bound[]> {
  const perTopic = await Promise.all(
    topics.map(async (topic) => {
      const ends = await admin.ask(`asking for the ends of ${topic}`, (client) =>
        topicEnds(client, names.toBroker(topic)),
      )
      return ends.map((bound) => ({ topic, ...bound }))
    }),
  )
  return perTopic.flat()
}

function startOffset(startAt: StartAt, bound: Bound): number {
  if (startAt === 'beginning') return bound.low
  if (startAt === 'end') return bound.high
  const wanted = startAt.find((offset) => offset.topic === bound.topic && offset.partition === bound.partition)
  // An offset that retention has removed starts at the oldest record that is left.
  return wanted === undefined ? bound.low : Math.min(Math.max(wanted.offset, bound.low), bound.high)
}

function idOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
