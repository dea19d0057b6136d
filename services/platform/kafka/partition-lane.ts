import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from '../log/logger.ts'
import { recordBytes } from './record-size.ts'
import type { OutRecord, TopicPartition } from './transport.ts'
import { TransportError } from './transport-error.ts'

const firstPauseMs = 50
const longestPauseMs = 1_000

/** Records that were pushed together and are answered together. A promise for each would cost more than to write it. */
interface Push {
  readonly offsets: number[]
  left: number
  readonly resolve: (offsets: readonly number[]) => void
  readonly reject: (cause: unknown) => void
}

interface Waiting {
  readonly record: OutRecord
  readonly bytes: number
  readonly push: Push
  /** Of its push. */
  readonly index: number
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

  /** Resolves to the records' offsets once all are acknowledged; rejects as soon as one cannot be. */
  push(records: readonly OutRecord[]): Promise<readonly number[]> {
    if (records.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const push: Push = { offsets: new Array<number>(records.length), left: records.length, resolve, reject }
      for (const [index, record] of records.entries())
        this.#waiting.push({ record, bytes: recordBytes(record), push, index })
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
      for (const [place, { push, index }] of batch.entries()) {
        push.offsets[index] = first + place
        push.left -= 1
        if (push.left === 0) push.resolve(push.offsets)
      }
    } catch (cause) {
      // The broker's own limit is lower than ours: together too large is not each too large.
      if (cause instanceof TransportError && cause.code === 'RECORD_TOO_LARGE' && batch.length > 1)
        for (const single of batch) await this.#settle([single])
      else for (const { push } of batch) push.reject(cause)
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
