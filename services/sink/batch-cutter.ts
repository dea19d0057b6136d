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
    bytes = waiting.reduce((sum, record) => sum + (record.value?.length ?? 0), 0)
    firstAtMs = null
    return taken
  }
  return {
    add(record) {
      // Fetch responses are shared buffers: a record that waits needs bytes of its own.
      waiting.push(record.value === null ? record : { ...record, value: Buffer.from(record.value) })
      bytes += record.value?.length ?? 0
    },
    cut(nowMonoMs) {
      const last = waiting.at(-1)
      if (last === undefined) return null
      if (announced !== null) {
        if (last.offset + 1 < announced) return null
        const end = announced
        announced = null
        return take(waiting.filter((record) => record.offset < end).length)
      }
      firstAtMs ??= nowMonoMs
      const full = waiting.length >= policy.recordsMax || bytes >= policy.bytesMax
      if (!full && nowMonoMs - firstAtMs < policy.waitMaxMs) return null
      return take(Math.min(waiting.length, policy.recordsMax))
    },
    get waitingBytes() {
      return bytes
    },
  }
}
