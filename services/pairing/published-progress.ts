import type { Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import type { InRecord, Transport } from '../platform/kafka/transport.ts'
import type { Decoder } from '../platform/registry/codec.ts'

/** The last progress of one exchange partition: evidence due by then has been made, and lies below these offsets. */
export interface PublishedProgress {
  readonly throughMs: number
  /** Next offset per evidence partition. The next owner goes on from them: a gate must not pass a frontier before it has read them. */
  readonly evidenceOffsets: readonly (readonly [partition: number, offset: number])[]
}

type ProgressDecoder = Decoder<{
  Progress: Pick<Records['Progress'], 'source' | 'exchange_partition' | 'read_through' | 'evidence_offsets'>
}>

/** Progress is written up to forty times a second per partition, so that the latest of each stands near the end. */
const tailRecords = 20_000

/** Reads what owners of these exchange partitions have published last: from the end of the topic, or from its beginning when the end lacks one. */
export async function readPublishedProgress(
  transport: Transport,
  decoder: ProgressDecoder,
  partitions: readonly number[],
): Promise<ReadonlyMap<number, PublishedProgress>> {
  const topic = topics.progress.name
  const ends = await transport.endOffsets(topic)
  const tail = ends.map((end) => ({ ...end, offset: Math.max(0, end.offset - tailRecords) }))
  const near = await readFrom(transport, decoder, tail)
  if (partitions.every((partition) => near.has(partition)) || tail.every(({ offset }) => offset === 0)) return near
  return readFrom(transport, decoder, 'beginning')
}

async function readFrom(
  transport: Transport,
  decoder: ProgressDecoder,
  startAt: Parameters<Transport['read']>[0]['startAt'],
): Promise<ReadonlyMap<number, PublishedProgress>> {
  const found = new Map<number, PublishedProgress>()
  const note = async (record: InRecord) => {
    const decoded = record.value === null ? null : await decoder.decode(record.value)
    if (decoded?.kind !== 'record' || decoded.value.source !== 'pairing') return
    const { exchange_partition: partition, read_through: throughMs, evidence_offsets: offsets } = decoded.value
    if (throughMs < (found.get(partition)?.throughMs ?? 0)) return
    const evidenceOffsets = Object.entries(offsets).map(([key, offset]) => [Number(key), offset] as const)
    found.set(partition, { throughMs, evidenceOffsets })
  }
  const reader = await transport.read({
    topics: [topics.progress.name],
    startAt,
    async onBatch(batch) {
      for (const record of batch.records) await note(record)
    },
  })
  try {
    await Promise.race([reader.caughtUp, reader.crashed])
  } finally {
    await reader.stop()
  }
  return found
}
