import type { Consumer, Kafka } from 'kafkajs'
import { persistently } from '../lifecycle/persistently.ts'
import { systemTimers } from '../lifecycle/timers.ts'
import type { Logger } from '../log/logger.ts'
import { createKafkajsConsumer, type KafkajsConsumerOptions } from './kafkajs-consumer.ts'
import type { SharedAdmin } from './shared-admin.ts'
import type { TopicNames } from './topic-names.ts'
import type { GroupConsumer, GroupConsumerOptions, TopicPartition } from './transport.ts'
import { TransportError, transportError } from './transport-error.ts'

/**
 * A member of a consumer group with explicit commits. kafkajs accepts commits of partitions that have moved to another member
 * (tulios/kafkajs#1046) and starts retained partitions over from the committed offset after every rebalance; both are fenced here.
 */
export async function startKafkajsGroup(
  kafka: Kafka,
  admin: SharedAdmin,
  names: TopicNames,
  log: Logger,
  options: GroupConsumerOptions & Pick<KafkajsConsumerOptions, 'waits'>,
): Promise<GroupConsumer> {
  let settled = false
  let changing: Promise<void> = Promise.resolve()
  const inner = createKafkajsConsumer(kafka, admin, names, log, {
    ...options,
    onRebalance() {
      settled = false
    },
    async onJoin(assigned, memberId) {
      // One after the other: what is being taken over is owned already, and the next join would take it for something that it has.
      const changed = changing.then(() => changeAssignment(assigned, memberId))
      changing = changed
      await changed
      settled = changing === changed
    },
  })
  /** As whom this consumer last joined. */
  let member: string | null = null

  const toKafka = (partitions: readonly TopicPartition[]) =>
    partitions.map(({ topic, partition }) => ({ topic: names.toBroker(topic), partitions: [partition] }))

  const changeAssignment = async (assigned: readonly TopicPartition[], memberId: string) => {
    const key = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
    // Another id: the coordinator had given this consumer up. What it gets back was somebody else's meanwhile, and has gone on there.
    const now = new Set(memberId === member ? assigned.map(key) : [])
    const isFirst = member === null
    member = memberId
    const lost = inner.positions.owned().filter((partition) => !now.has(key(partition)))
    for (const partition of lost) inner.positions.disown(partition)
    if (lost.length > 0) options.onRevoked?.(lost)
    const gained = assigned.filter((partition) => !inner.positions.owns(partition))
    for (const partition of assigned) {
      const position = inner.positions.position(partition)
      if (position !== null)
        inner.consumer.seek({
          topic: names.toBroker(partition.topic),
          partition: partition.partition,
          offset: String(position),
        })
    }
    if (gained.length === 0 && !isFirst) return
    // kafkajs remembers what was paused through rebalances. Whoever paused it has been told that it is lost, and will not think of resuming it.
    whileMember(() => inner.consumer.resume(toKafka(gained)))
    const asking = () => fetchCommitted(admin, names, options.groupId, gained)
    const committed = await persistently('reading committed offsets', asking, {
      signal: inner.stopped,
      log,
      timers: systemTimers,
    })
    for (const partition of committed) inner.positions.own(partition, partition.committed ?? 0)
    await options.onAssigned?.(committed)
  }

  const confirmed = confirmedCommits(inner.consumer)
  await inner.start()
  return {
    crashed: inner.crashed,
    assigned: () => inner.positions.owned(),
    pause: (partitions) => whileMember(() => inner.consumer.pause(toKafka(partitions))),
    resume: (partitions) => whileMember(() => inner.consumer.resume(toKafka(partitions))),
    async commit(offsets) {
      if (!settled || offsets.some((offset) => !inner.positions.owns(offset))) return false
      const commits = offsets.map(({ topic, partition, offset, metadata }) => ({
        topic: names.toBroker(topic),
        partition,
        offset: String(offset),
        metadata: metadata ?? '',
      }))
      const madeAs = member
      try {
        return (await confirmed(commits)) && madeAs === member
      } catch (cause) {
        if (isNoMember(cause)) return false
        throw transportError(cause, 'committing offsets')
      }
    },
    stop: () => inner.stop(),
  }
}

/** This member has lost its place, or kafkajs is starting over: whatever was asked for will be asked for again after the next join. */
function isNoMember(cause: unknown): boolean {
  const { type = '', message = '' } = cause as { readonly type?: string; readonly message?: string }
  return (
    ['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'].includes(type) ||
    message.includes('Consumer group was not initialized')
  )
}

/** Without a membership there is nothing to pause, and a new client forgets what was paused: callers repeat themselves. */
function whileMember(act: () => void): void {
  try {
    act()
  } catch (cause) {
    if (!isNoMember(cause)) throw cause
  }
}

type Commits = Parameters<Consumer['commitOffsets']>[0]

/**
 * kafkajs says nothing when its consumer has stopped, or stops while it tries again (a broker that is away ends it for a moment): such a commit
 * resolves and was never made. Only what the coordinator has taken is reported as an event. False for everything else.
 */
function confirmedCommits(consumer: Consumer): (commits: Commits) => Promise<boolean> {
  const taken = new Map<string, string>()
  const keyOf = (topic: string, partition: number) => `${topic}/${partition}`
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
    for (const { topic, partitions } of payload.topics)
      for (const { partition, offset } of partitions) taken.set(keyOf(topic, Number(partition)), String(offset))
  })
  return async (commits) => {
    for (const { topic, partition } of commits) taken.delete(keyOf(topic, partition))
    if (commits.length > 0) await consumer.commitOffsets(commits)
    return commits.every(({ topic, partition, offset }) => taken.get(keyOf(topic, partition)) === offset)
  }
}

async function fetchCommitted(
  admin: SharedAdmin,
  names: TopicNames,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<readonly (TopicPartition & { readonly committed: number | null; readonly metadata: string })[]> {
  if (partitions.length === 0) return []
  const topics = [...new Set(partitions.map(({ topic }) => names.toBroker(topic)))]
  const answer = await admin.ask('asking for committed offsets', (client) =>
    client.fetchOffsets({ groupId: names.toBroker(groupId), topics }),
  )
  return partitions.map((wanted) => {
    const found = answer
      .find(({ topic }) => names.fromBroker(topic) === wanted.topic)
      ?.partitions.find(({ partition }) => partition === wanted.partition)
    // A broker that has just come back may not know the topic's partitions yet. "Nothing committed" is an answer of its own: -1.
    if (found === undefined)
      throw new TransportError(`no answer about ${wanted.topic}/${wanted.partition} of ${groupId}`, {
        code: 'BROKER_AWAY',
        retriable: true,
      })
    const offset = Number(found.offset)
    return { ...wanted, committed: offset < 0 ? null : offset, metadata: found.metadata ?? '' }
  })
}
