import type { Arm, Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import type { InRecord, TopicPartition, Transport } from '../platform/kafka/transport.ts'
import type { Decoder } from '../platform/registry/codec.ts'

/** What former owners of a partition have written for one exchange: their log is the only memory of it. */
export interface OwnRecords {
  /** Arms of the first plan in the log; null when none is there. */
  readonly planned: readonly Arm[] | null
  /** Arms whose shadow Response is in the log. */
  readonly answered: ReadonlySet<Arm>
}

/** What a new owner knows of a partition before it works on it. */
export interface Takeover {
  /** Records below this offset may have been worked on by a former owner. */
  readonly below: number
  readonly own: ReadonlyMap<string, OwnRecords>
}

type OwnDecoder = Decoder<{
  ShadowPlan: Pick<Records['ShadowPlan'], 'exchange_id' | 'legs'>
  Response: Pick<Records['Response'], 'exchange_id' | 'arm' | 'leg'>
}>

/**
 * Reads the plans and shadow responses between the committed offsets and the ends of these partitions. An exchange's records share a partition and its
 * request comes first, so that whatever belongs to a request that will be delivered again is found.
 *
 * @param observe told about each append time read
 */
export async function readOwnRecords(
  transport: Transport,
  decoder: OwnDecoder,
  partitions: readonly (TopicPartition & { readonly committed: number | null })[],
  observe: (appendMs: number) => void,
): Promise<ReadonlyMap<number, Takeover>> {
  const topic = topics.exchanges.name
  const ends = await transport.endOffsets(topic)
  const owned = new Map(partitions.map(({ partition, committed }) => [partition, committed ?? 0]))
  const found = new Map<number, { below: number; own: Map<string, OwnRecords> }>()
  for (const { partition, offset } of ends)
    if (owned.has(partition)) found.set(partition, { below: offset, own: new Map() })
  const note = async (record: InRecord) => {
    const own = found.get(record.partition)?.own
    if (own === undefined) return
    observe(record.timestampMs)
    const decoded = record.value === null ? null : await decoder.decode(record.value)
    // Requests are foreign to this decoder, and what is unusable is dealt with when it is delivered.
    if (decoded?.kind === 'record') own.set(decoded.value.exchange_id, withRecord(own, decoded))
  }
  const reader = await transport.read({
    topics: [topic],
    startAt: ends.map((end) => ({ ...end, offset: owned.get(end.partition) ?? end.offset })),
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

type OwnRecord = Extract<Awaited<ReturnType<OwnDecoder['decode']>>, { kind: 'record' }>

function withRecord(own: ReadonlyMap<string, OwnRecords>, record: OwnRecord): OwnRecords {
  const known = own.get(record.value.exchange_id) ?? { planned: null, answered: new Set<Arm>() }
  if (record.name === 'ShadowPlan')
    return { ...known, planned: known.planned ?? record.value.legs.map(({ arm }) => arm) }
  return record.value.leg === 'live' ? known : { ...known, answered: new Set([...known.answered, record.value.arm]) }
}
