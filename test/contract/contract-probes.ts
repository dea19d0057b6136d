import type { InRecord, RecordBatch, TopicPartition, Transport } from '../../services/platform/kafka/transport.ts'

export interface ContractContext {
  transport(): Transport
  /** A topic that no other test uses. */
  topic(partitions: number, config?: Readonly<Record<string, string>>): Promise<string>
}

/** Waits for what comes by itself; fails with what there is instead. */
export async function eventually(what: string, holds: () => boolean, seen: () => unknown = () => ''): Promise<void> {
  for (let tries = 0; tries < 1_500; tries += 1) {
    if (holds()) return
    await pause(20)
  }
  throw new Error(`never came: ${what}; seen: ${JSON.stringify(seen())}`)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Collects what a consumer or reader is given. */
export interface Collected {
  readonly records: InRecord[]
  readonly batches: RecordBatch[]
  onBatch(batch: RecordBatch): Promise<void>
  values(partition?: number): readonly string[]
}

export function collect(): Collected {
  const records: InRecord[] = []
  const batches: RecordBatch[] = []
  return {
    records,
    batches,
    async onBatch(batch) {
      batches.push(batch)
      records.push(...batch.records)
    },
    values: (partition) =>
      records
        .filter((record) => partition === undefined || record.partition === partition)
        .map((record) => record.value?.toString() ?? 'tombstone'),
  }
}

/** Puts texts into one partition, in order. */
export async function put(transport: Transport, at: TopicPartition, texts: readonly string[]): Promise<void> {
  const producer = await transport.producer()
  await producer.send(texts.map((text) => ({ ...at, key: text, value: Buffer.from(text) })))
  await producer.close()
}

export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'no error'
  } catch (error) {
    return String((error as { readonly code?: unknown }).code)
  }
}
