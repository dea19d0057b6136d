/**
 * What the rest of the project may know about Kafka. Two implementations: kafkajs against a real broker, and an in-memory fake
 * that unit tests use; one contract suite runs against both. Topic names are logical: the transport adds the configured prefix.
 * Offsets are numbers (exact below 2^53). Partition-level facts are keyed by `TopicPartition` values.
 */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A record as read. `value` null is a tombstone. Buffers are copies or must be copied before they are kept (a fetch response is shared). */
export interface InRecord extends TopicPartition {
  readonly offset: number
  readonly key: string | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
  /** Broker append time where the topic says LogAppendTime, else the producer's, ms since the epoch. */
  readonly timestampMs: number
}

export interface OutRecord {
  readonly topic: string
  readonly key: string | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string>>
  /** Chosen by the murmur2 hash of the key (Java compatible) when absent. */
  readonly partition?: number
}

/** Where an acknowledged record stands. */
export interface Written extends TopicPartition {
  readonly offset: number
}

export interface ProducerOptions {
  /** Most bytes of one record batch; what one call holds is split accordingly. */
  readonly maxBatchBytes?: number
  /** How long a caller waits for an answer; then its call rejects with STALLED, and the record may still be written later. Default: for ever. */
  readonly answerWithinMs?: number
}

/**
 * Idempotent, acks=all. Resolves when every record is acknowledged, each once, in input order per partition. A broker that is away is waited out,
 * however long: a rejection (TransportError) means that the record can never be accepted, that its topic is missing or not to be seen (retriable), or that the
 * producer is closed.
 */
export interface Producer {
  send(records: readonly OutRecord[]): Promise<readonly Written[]>
  close(): Promise<void>
}

export interface ConsumedOffset extends TopicPartition {
  /** Next offset to read, as Kafka commits it. */
  readonly offset: number
  /** Free text kept beside the offset by the broker (the sink's batch intent). */
  readonly metadata?: string
}

/** One Kafka transaction at a time; a second producer with the same id fences the first, whose calls then reject with code FENCED. */
export interface TransactionalProducer {
  /**
   * Writes all records and the group's offsets, or nothing. A member that takes a partition over in the next moments may be told the offsets of before (the
   * broker marks them after it has answered, and kafkajs cannot ask for marked ones alone, KIP-447): it is given such work once more.
   */
  commit(work: {
    readonly records: readonly OutRecord[]
    readonly offsets: readonly ConsumedOffset[]
    readonly groupId: string
  }): Promise<readonly Written[]>
  close(): Promise<void>
}

/** A batch from one partition, bounded in bytes and count. `endOffset` is the partition's high watermark as of the fetch; the batch reaches the end when the last offset + 1 equals it. */
export interface RecordBatch extends TopicPartition {
  readonly records: readonly InRecord[]
  readonly endOffset: number
}

/**
 * Told about once a poll for partitions read to their end, also when idle. `endOffset` is the high watermark as it was a moment ago: what has been
 * appended since, or is not shown yet, may not have been read.
 */
type OnCaughtUp = (partition: TopicPartition, endOffset: number) => void

export interface GroupConsumerOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  /** Called in order per partition; must only decode and change memory, or be short. A rejection crashes the consumer (and, by the lifecycle, the process). */
  onBatch(batch: RecordBatch): Promise<void>
  /**
   * Partitions gained, with the committed offset (null: none) and its metadata. Resolves before any of their batches is delivered. Told of the first join
   * also when it gains nothing.
   */
  onAssigned?(
    partitions: readonly (TopicPartition & { readonly committed: number | null; readonly metadata: string })[],
  ): Promise<void>
  /** Partitions lost: forget their state; commits for them are already fenced off. */
  onRevoked?(partitions: readonly TopicPartition[]): void
  onCaughtUp?: OnCaughtUp
  /** How often the broker is asked where the ends are. Default: twice a second. */
  readonly caughtUpPollMs?: number
  readonly maxWaitMs?: number
  readonly maxBatchBytesPerPartition?: number
}

export interface GroupConsumer {
  /** Commits explicitly; refuses (returns false) partitions that this member does not own in the present generation. */
  commit(offsets: readonly ConsumedOffset[]): Promise<boolean>
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  assigned(): readonly TopicPartition[]
  /** Settles when the consumer dies; rejects with the cause. */
  readonly crashed: Promise<never>
  stop(): Promise<void>
}

export type StartAt = 'beginning' | 'end' | readonly ConsumedOffset[]

export interface ReaderOptions {
  readonly topics: readonly string[]
  /** Where every partition starts; offsets not listed start at the beginning. */
  readonly startAt: StartAt
  onBatch(batch: RecordBatch): Promise<void>
  onCaughtUp?: OnCaughtUp
  /** How often the broker is asked where the ends are. Default: twice a second. */
  readonly caughtUpPollMs?: number
  readonly maxWaitMs?: number
  readonly maxBatchBytesPerPartition?: number
}

/** Reads all partitions of its topics alone, without a shared group or commits. */
export interface Reader {
  /** Resolves when everything that was on the topics at the start has been delivered. */
  readonly caughtUp: Promise<void>
  readonly crashed: Promise<never>
  stop(): Promise<void>
}

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  readonly config: Readonly<Record<string, string>>
}

export interface Transport {
  producer(options?: ProducerOptions): Promise<Producer>
  transactional(transactionalId: string): Promise<TransactionalProducer>
  consume(options: GroupConsumerOptions): Promise<GroupConsumer>
  read(options: ReaderOptions): Promise<Reader>
  /** Creates what is missing, raises nothing, and reports which existing topics differ from the spec. */
  ensureTopics(
    specs: readonly TopicSpec[],
  ): Promise<{ readonly created: readonly string[]; readonly differing: readonly string[] }>
  partitionCount(topic: string): Promise<number>
  endOffsets(topic: string): Promise<readonly ConsumedOffset[]>
  close(): Promise<void>
}
