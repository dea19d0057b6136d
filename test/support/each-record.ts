import type { InRecord, Transport } from '../../services/platform/kafka/transport.ts'

/** Calls back for every record that stands on a topic now, in the order of each partition. */
export async function eachRecord(
  transport: Transport,
  topic: string,
  take: (record: InRecord) => Promise<void> | void,
): Promise<void> {
  const reader = await transport.read({
    topics: [topic],
    startAt: 'beginning',
    async onBatch(batch) {
      for (const record of batch.records) await take(record)
    },
  })
  await Promise.race([reader.caughtUp, reader.crashed])
  await reader.stop()
}
