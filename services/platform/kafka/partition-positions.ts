import type { InRecord, TopicPartition } from './transport.ts'

/** Where this reader stands in each partition it owns: what comes below is a repetition and is not delivered again. */
export interface PartitionPositions {
  own(partition: TopicPartition, position: number): void
  disown(partition: TopicPartition): void
  owns(partition: TopicPartition): boolean
  owned(): readonly TopicPartition[]
  position(partition: TopicPartition): number | null
  /** The records that are new, in order. */
  fresh(partition: TopicPartition, records: readonly InRecord[]): readonly InRecord[]
  /** Everything below `next` has been delivered (or was nothing to deliver: control records, aborted transactions). */
  advance(partition: TopicPartition, next: number): void
}

export function createPartitionPositions(): PartitionPositions {
  const positions = new Map<string, { readonly partition: TopicPartition; position: number }>()
  const idOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
  return {
    own: (partition, position) =>
      void positions.set(idOf(partition), {
        partition: { topic: partition.topic, partition: partition.partition },
        position,
      }),
    disown: (partition) => void positions.delete(idOf(partition)),
    owns: (partition) => positions.has(idOf(partition)),
    owned: () => [...positions.values()].map(({ partition }) => partition),
    position: (partition) => positions.get(idOf(partition))?.position ?? null,
    fresh(partition, records) {
      const from = positions.get(idOf(partition))?.position ?? 0
      return (records[0]?.offset ?? 0) >= from ? records : records.filter((record) => record.offset >= from)
    },
    advance(partition, next) {
      const entry = positions.get(idOf(partition))
      if (entry !== undefined && next > entry.position) entry.position = next
    },
  }
}
