import { createRequire } from 'node:module'
import type { Admin } from 'kafkajs'
import type { TopicNames } from './topic-names.ts'
import { transportError } from './transport-error.ts'

const murmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2.js') as (
  key: Buffer,
) => number

/** Knows how many partitions topics have; asks the broker once per topic. */
export interface PartitionCounts {
  of(topic: string): Promise<number>
}

export function createPartitionCounts(admin: () => Promise<Admin>, names: TopicNames): PartitionCounts {
  const known = new Map<string, Promise<number>>()
  const ask = async (topic: string): Promise<number> => {
    try {
      const { topics } = await (await admin()).fetchTopicMetadata({ topics: [names.toBroker(topic)] })
      return topics[0]?.partitions.length ?? 0
    } catch (cause) {
      throw transportError(cause, `asking for the partitions of ${topic}`)
    }
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
