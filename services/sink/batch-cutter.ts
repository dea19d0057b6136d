import type { InRecord } from '../platform/kafka/transport.ts'

/** What a batch is cut by: whichever comes first. */
export interface CutPolicy {
  readonly recordsMax: number
  readonly bytesMax: number
  readonly waitMaxMs: number
}

/**
 * Collects the records of one partition and cuts them into ranges. A range that a former owner had announced (in the metadata of its committed
 * offset) is cut again exactly as announced, so that its insert carries the same token and the store drops the repetition.
 */
export interface BatchCutter {
  add(record: InRecord): void
  /** The next range to insert, once it is full, announced or old enough; null otherwise. The records leave the cutter. */
  cut(nowMonoMs: number): readonly InRecord[] | null
  readonly waitingBytes: number
}

export function createBatchCutter(policy: CutPolicy, announcedEnd: number | null): BatchCutter {
  let waiting: InRecord[] = []
  let bytes = 0
  let firstAtMs: number | null = null
  let announced = announcedEnd
  const take = (count: number): readonly InRecord[] => {
    const taken = waiting.slice(0, count)
    waiting = waiting.slice(count)
    bytes = waiting.reduce((sum, record) => sum + bytesOf(record), 0)
    firstAtMs = null
    return taken
  }
  return {
    add(record) {
      // Fetch responses are shared buffers: a record that waits needs bytes of its own.
      waiting.push(record.value === null ? record : { ...record, value: Buffer.from(record.value) })
      bytes += bytesOf(record)
    },
    cut(nowMonoMs) {
      const last = waiting.at(-1)
      if (last === undefined) return null
      if (announced !== null) {
        if (last.offset + 1 < announced) return null
        const end = announced
        announced = null
        const count = waiting.filter((record) => record.offset < end).length
        // Nothing left of it: retention was faster than the new owner. What follows is cut as usual.
        if (count > 0) return take(count)
      }
      firstAtMs ??= nowMonoMs
      const full = waiting.length >= policy.recordsMax || bytes >= policy.bytesMax
      if (!full && nowMonoMs - firstAtMs < policy.waitMaxMs) return null
      return take(countWithin(waiting, policy))
    },
    get waitingBytes() {
      return bytes
    },
  }
}

const bytesOf = (record: InRecord): number => record.value?.length ?? 0

/** How many of the first records keep both limits; at least one, however large. */
function countWithin(records: readonly InRecord[], policy: CutPolicy): number {
  let bytes = 0
  let count = 0
  for (const record of records) {
    bytes += bytesOf(record)
    if (count > 0 && (count >= policy.recordsMax || bytes > policy.bytesMax)) break
    count += 1
  }
  return count
}
