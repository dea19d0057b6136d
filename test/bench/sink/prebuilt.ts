import { topics } from '../../../services/flow.ts'
import { createDeadLetterGuard } from '../../../services/platform/kafka/dead-letters.ts'
import { type BatchCutter, type CutPolicy, createBatchCutter, type Range } from '../../../services/sink/batch-cutter.ts'
import { createRangeEncoder } from '../../../services/sink/encode-range.ts'
import { redactorOf } from '../../../services/sink/start.ts'
import type { ExchangeLog } from '../support/exchange-log.ts'

/** One insert as the sink would send it. */
export interface Batch {
  readonly rows: number
  readonly bytes: Buffer
}

/** The inserts of each partition, in the order of its log. */
export type Prebuilt = readonly (readonly Batch[])[]

const longAgoMs = -1e9

/** Reads all exchanges and makes the inserts that the sink makes of them, by its own cutter and encoder. */
export async function prebuild(log: ExchangeLog, policy: CutPolicy, hashKey: string): Promise<Prebuilt> {
  const topic = topics.exchanges.name
  const encode = createRangeEncoder({
    codec: log.codec,
    redact: redactorOf(hashKey),
    guard: createDeadLetterGuard(),
    deadLetter: async (_, code, reason) => {
      throw new Error(`an exchange was refused: ${code}, ${reason}`)
    },
  })
  const built: Batch[][] = Array.from({ length: topics.exchanges.partitions }, () => [])
  const cutters = built.map(() => createBatchCutter(policy, null))
  const take = async (partition: number, nowMs: number) => {
    for (let range = cut(cutters[partition], nowMs); range !== null; range = cut(cutters[partition], nowMs)) {
      const legs = (await encode(range.records)).get('legs')
      // Written into a buffer that had room to grow.
      if (legs !== undefined) built[partition]?.push({ rows: legs.rows, bytes: Buffer.from(legs.bytes) })
    }
  }
  const ends = await log.transport.endOffsets(topic)
  let left = ends.reduce((sum, { offset }) => sum + offset, 0)
  await new Promise<void>((resolve, reject) => {
    const reading = log.transport.read({
      topics: [topic],
      startAt: 'beginning',
      async onBatch({ partition, records }) {
        cutters[partition]?.add(records)
        await take(partition, longAgoMs)
        left -= records.length
        if (left === 0) reading.then((reader) => reader.stop()).then(resolve, reject)
      },
    })
    reading.catch(reject)
  })
  for (const [partition] of cutters.entries()) await take(partition, 0)
  return built
}

function cut(cutter: BatchCutter | undefined, nowMs: number): Range | null {
  return cutter?.cut(nowMs) ?? null
}
