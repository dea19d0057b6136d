import { setTimeout as delay } from 'node:timers/promises'
import murmurhash from 'murmurhash'
import type { SharedAdmin } from './shared-admin.ts'
import type { TopicNames } from './topic-names.ts'
import type { OutRecord } from './transport.ts'
import { TransportError } from './transport-error.ts'

/** Of Kafka's default partitioner. */
const seed = 0x9747b28c

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

const retryMs = 500

/** The partition of each record: the one it names, else by its key, else 0. With a `signal`, a broker that is away is waited for. */
export async function placesOf(
  records: readonly OutRecord[],
  counts: PartitionCounts,
  signal?: AbortSignal,
): Promise<readonly number[]> {
  const places: number[] = []
  // Asked once per topic and hashed once per key: evidence comes by the hundred under the name of its run.
  const asked = new Map<string, number>()
  const hashed = new Map<string, number>()
  for (const { topic, key, partition } of records) {
    if (partition !== undefined || key === null) {
      places.push(partition ?? 0)
      continue
    }
    const partitions = asked.get(topic) ?? (await countOf(topic, counts, signal))
    asked.set(topic, partitions)
    const hash = hashed.get(key) ?? positiveMurmur2(key)
    hashed.set(key, hash)
    places.push(hash % partitions)
  }
  return places
}

async function countOf(topic: string, counts: PartitionCounts, signal?: AbortSignal): Promise<number> {
  for (;;) {
    try {
      return await counts.of(topic)
    } catch (cause) {
      const away = cause instanceof TransportError && cause.code === 'BROKER_AWAY'
      if (!away || signal === undefined || signal.aborted) throw cause
      await delay(retryMs, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** kafkajs has one, too: it multiplies 64-bit numbers in objects, and for a key of 32 bytes takes fifteen times as long. */
function positiveMurmur2(key: string): number {
  return murmurhash.v2(Buffer.from(key), seed) & 0x7fffffff
}

/** The partition that Java clients choose for a key: positive murmur2 modulo the number of partitions. */
export function partitionOf(key: string, partitions: number): number {
  return positiveMurmur2(key) % partitions
}
