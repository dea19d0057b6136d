import type { Admin } from 'kafkajs'
import { TransportError } from './transport-error.ts'

/** Offsets of one partition: the oldest record that is left, and the end. */
export interface PartitionEnds {
  readonly partition: number
  readonly low: number
  readonly high: number
}

/** @throws TransportError while the broker that is asked does not know the topic's partitions, as one that has just come back. */
export async function topicEnds(client: Admin, topic: string): Promise<readonly PartitionEnds[]> {
  try {
    const ends = await client.fetchTopicOffsets(topic)
    return ends.map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
  } catch (cause) {
    // kafkajs takes the first of no answers then.
    if (!(cause instanceof TypeError)) throw cause
    const text = `the partitions of ${topic} are not known to the broker yet`
    throw new TransportError(text, { code: 'BROKER_AWAY', retriable: true, cause })
  }
}
