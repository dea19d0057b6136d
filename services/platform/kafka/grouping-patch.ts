import { replaceModule } from './module-patch.ts'

interface Grouping<Message> {
  readonly topic: string
  readonly partitionMetadata: readonly unknown[]
  readonly messages: readonly Message[]
  partitioner(of: { topic: string; partitionMetadata: readonly unknown[]; message: Message }): number
}

/** The messages of each partition, in their order. */
export function groupMessages<Message>({ topic, partitionMetadata, messages, partitioner }: Grouping<Message>) {
  const groups: Record<number, Message[]> = {}
  if (partitionMetadata.length === 0) return groups
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message })
    const group = groups[partition]
    if (group === undefined) groups[partition] = [message]
    else group.push(message)
  }
  return groups
}

/**
 * kafkajs 2.2.4 groups the messages of a request by partition in time that grows with the square of their number: 6 % of what pairing does.
 * Its sender takes the function when it is loaded, so this comes before kafkajs.
 */
export function patchKafkajsGrouping(): void {
  replaceModule('kafkajs/src/producer/groupMessagesPerPartition.js', () => groupMessages)
}
