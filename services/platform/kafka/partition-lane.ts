import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from '../log/logger.ts'
import { recordBytes } from './record-size.ts'
import type { OutRecord, TopicPartition } from './transport.ts'
import { TransportError } from './transport-error.ts'

const firstPauseMs = 50
const longestPauseMs = 1_000

interface Waiting {
  readonly record: OutRecord
  readonly bytes: number
  readonly resolve: (offset: number) => void
  readonly reject: (cause: unknown) => void
}

export interface PartitionLaneOptions {
  readonly at: TopicPartition
  readonly maxBatchBytes: number
  readonly log: Logger
  readonly signal: AbortSignal
  /** Told why an attempt failed that is made again, and null when it went well. */
  waits?(why: string | null): void
  /** One attempt at one batch; resolves to the offset of its first record. */
  attempt(records: readonly OutRecord[]): Promise<number>
}

/**
 * Writes the records of one partition in order and one batch at a time. A batch that was not acknowledged may stand in the log all the same, and the
 * broker tells a repetition only by its sequence number and its length: so the very same batch is sent again until the answer is known. Cut
 * differently, it would be refused for ever, or taken for the repetition of another and dropped in silence.
 */
export class PartitionLane {
  readonly #options: PartitionLaneOptions
  readonly #waiting: Waiting[] = []
  #running: Promise<void> | null = null

  constructor(options: PartitionLaneOptions) {
    this.#options = options
  }

  /** Resolves to the record's offset once it is acknowledged. */
  push(record: OutRecord): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, bytes: recordBytes(record), resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Settles when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // Records that are pushed in one turn of the loop share the first batch, however many calls they came by.
    await nextTurn()
    while (this.#waiting.length > 0) await this.#settle(this.#take())
    // In the same step as the last look at what waits: whoever pushes next starts anew.
    this.#running = null
  }

  #take(): readonly Waiting[] {
    let bytes = 0
    const beyond = this.#waiting.findIndex((waiting, index) => {
      bytes += waiting.bytes
      return index > 0 && bytes > this.#options.maxBatchBytes
    })
    return this.#waiting.splice(0, beyond < 0 ? this.#waiting.length : beyond)
  }

  async #settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const first = await this.#sendUntilKnown(batch.map(({ record }) => record))
      for (const [index, { resolve }] of batch.entries()) resolve(first + index)
    } catch (cause) {
      // The broker's own limit is lower than ours: together too large is not each too large.
      if (cause instanceof TransportError && cause.code === 'RECORD_TOO_LARGE' && batch.length > 1)
        for (const single of batch) await this.#settle([single])
      else for (const { reject } of batch) reject(cause)
    }
  }

  async #sendUntilKnown(records: readonly OutRecord[]): Promise<number> {
    const { at, attempt, log, signal, waits } = this.#options
    let isAgain = false
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      if (signal.aborted)
        throw new TransportError('the producer was closed before the broker answered', { code: 'CLOSED' })
      try {
        const offset = await attempt(records)
        if (isAgain) waits?.(null)
        return offset
      } catch (cause) {
        if (!(cause instanceof TransportError && cause.retriable)) throw cause
        isAgain = true
        waits?.(cause.message)
        log.warn(
          { ...at, records: records.length, err: cause.message },
          'not acknowledged; sending the same batch again',
        )
        await delay(pauseMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }
}
