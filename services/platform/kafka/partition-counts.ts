import { createRequire } from 'node:module'
import type { SharedAdmin } from './shared-admin.ts'
import type { TopicNames } from './topic-names.ts'

const murmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2.js') as (
  key: Buffer,
) => number

/** Knows how many partitions topics have; asks the broker once per topic. */
export interface PartitionCounts {
  of(topic: string): Promise<number>
}

export function createPartitionCounts(admin: SharedAdmin, names: TopicNames): PartitionCounts {
  const known = new Map<string, Promise<number>>()
  const ask = async (topic: string): Promise<number> => {
    const { topics } = await admin.ask(`asking for the partitions of ${topic}`, (client) =>
      client.fetchTopicMetadata({ topics: [names.toBroker(topic)] }),
    )
    return topics[0]?.partitions.length ?? 0
  }
  return {
    of(topic) {
      const answer = known.get(topic) ?? ask(topic)
      known.set(topic, answer)
      answer.catch(() => known.delete(topic))
      return answer
    },
  }
}

/** The partition that Java clients choose for a key: positive murmur2 modulo the number of partitions. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions
}
