import type { InRecord } from '../platform/kafka/transport.ts'

/** What a batch is cut by: whichever comes first. */
export interface CutPolicy {
  readonly recordsMax: number
  readonly bytesMax: number
  readonly waitMaxMs: number
}

/** A span of one partition that is inserted as a whole: offsets `start` to `end` (exclusive). */
export interface Span {
  readonly start: number
  readonly end: number
  /**
   * Names the span to the store. Holds the append time of its first record, too: a topic that was made anew counts its offsets from 0 again, and
   * its first ranges must not be taken for repetitions of old ones.
   */
  readonly token: string
  /** How often it was announced already: each time stands for an attempt that may have been sent. 0: never. */
  readonly attempts: number
}

export interface Range extends Span {
  readonly records: readonly InRecord[]
}

/**
 * Collects the records of one partition and cuts them into ranges. A range that a former owner had announced (in the metadata of its committed
 * offset) is cut again as announced and keeps its token, so that what the store has of it is not written again.
 */
export interface BatchCutter {
  /** Records below what was already taken are repetitions and are left out. */
  add(records: readonly InRecord[]): void
  /** The next range to insert, once it is full, announced or old enough; null otherwise. The records leave the cutter. */
  cut(nowMonoMs: number): Range | null
  readonly waitingBytes: number
  /** Append time of the oldest record that waits; null when none does. */
  readonly oldestAppendMs: number | null
}

export function createBatchCutter(policy: CutPolicy, announcedSpan: Span | null): BatchCutter {
  let waiting: InRecord[] = []
  let bytes = 0
  let firstAtMs: number | null = null
  let announced = announcedSpan
  let nextOffset = 0
  const take = (count: number): readonly InRecord[] => {
    const taken = waiting.slice(0, count)
    waiting = waiting.slice(count)
    bytes = waiting.reduce((sum, record) => sum + bytesOf(record), 0)
    firstAtMs = null
    return taken
  }
  return {
    add(records) {
      const fresh = records.filter((record) => {
        const isFresh = record.offset >= nextOffset
        if (isFresh) nextOffset = record.offset + 1
        return isFresh
      })
      for (const record of withBytesOfTheirOwn(fresh)) waiting.push(record)
      bytes += fresh.reduce((sum, record) => sum + bytesOf(record), 0)
    },
    cut(nowMonoMs) {
      if (waiting.length === 0) return null
      if (announced !== null) {
        if (nextOffset < announced.end) return null
        const span = announced
        announced = null
        const count = waiting.filter((record) => record.offset < span.end).length
        // Nothing left of it: retention was faster than the new owner. What follows is cut as usual.
        if (count > 0) return { ...span, records: take(count) }
      }
      firstAtMs ??= nowMonoMs
      const full = waiting.length >= policy.recordsMax || bytes >= policy.bytesMax
      if (!full && nowMonoMs - firstAtMs < policy.waitMaxMs) return null
      return rangeOf(take(countWithin(waiting, policy)))
    },
    get waitingBytes() {
      return bytes
    },
    get oldestAppendMs() {
      return waiting[0]?.timestampMs ?? null
    },
  }
}

function rangeOf(records: readonly InRecord[]): Range | null {
  const [first, last] = [records[0], records.at(-1)]
  if (first === undefined || last === undefined) return null
  const [start, end] = [first.offset, last.offset + 1]
  return { start, end, token: `${start}-${end}-${first.timestampMs}`, attempts: 0, records }
}

/** Fetch responses are shared buffers, which hold other partitions, too: records that wait get one of their own, all together. */
function withBytesOfTheirOwn(records: readonly InRecord[]): readonly InRecord[] {
  const own = Buffer.allocUnsafeSlow(records.reduce((sum, record) => sum + bytesOf(record), 0))
  let at = 0
  return records.map((record) => {
    if (record.value === null) return record
    const begin = at
    at += record.value.copy(own, begin)
    return { ...record, value: own.subarray(begin, at) }
  })
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
