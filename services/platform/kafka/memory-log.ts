import { recordBytes } from './record-size.ts'
import type { InRecord, OutRecord, RecordBatch, TopicPartition } from './transport.ts'

/** One partition in memory. Offsets have holes where Kafka has them: control records, aborted transactions, compacted keys. */
export class MemoryPartition {
  readonly #at: TopicPartition
  #records: InRecord[] = []
  #low = 0
  #next = 0
  /** Where readers see the end while a replica is behind; null: where it is. */
  #shown: number | null = null

  constructor(at: TopicPartition) {
    this.#at = at
  }

  get low(): number {
    return this.#low
  }

  /** The high watermark: the offset that the next record gets, or the first that is not on every replica. */
  get end(): number {
    return this.#shown ?? this.#next
  }

  /** What is appended from now on has its offset and time, and is not shown. */
  hold(): void {
    this.#shown ??= this.#next
  }

  show(): void {
    this.#shown = null
  }

  append(record: OutRecord, timestampMs: number): number {
    const offset = this.#next
    this.#next += 1
    const { key, value, headers = {} } = record
    this.#records.push({ ...this.#at, offset, key, value, headers: { ...headers }, timestampMs })
    return offset
  }

  /** An offset that no reader ever sees. */
  appendHidden(): void {
    this.#next += 1
  }

  /** What a fetch at `position` brings, up to about `maxBytes`; at least one record if there is one. `next` is where to go on. */
  fetch(position: number, maxBytes: number): { readonly batch: RecordBatch; readonly next: number } {
    const records: InRecord[] = []
    let bytes = 0
    let next = this.end
    for (const record of this.#records.slice(this.#indexOf(position), this.#indexOf(next))) {
      bytes += recordBytes(record)
      if (records.length > 0 && bytes > maxBytes) {
        next = record.offset
        break
      }
      records.push(record)
    }
    return { batch: { ...this.#at, records, endOffset: this.end }, next }
  }

  /** Keeps the last record of each key, as log compaction does in the end. */
  compact(): void {
    const last = new Map(this.#records.map((record) => [record.key, record.offset]))
    this.#records = this.#records.filter((record) => last.get(record.key) === record.offset)
  }

  /** Retention: everything below `offset` is gone. */
  truncateBefore(offset: number): void {
    this.#low = Math.min(Math.max(this.#low, offset), this.end)
    this.#records = this.#records.slice(this.#indexOf(this.#low))
  }

  #indexOf(position: number): number {
    let from = 0
    let to = this.#records.length
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#records[middle]?.offset ?? 0) < position) from = middle + 1
      else to = middle
    }
    return from
  }
}
