import type { MemoryPartition } from './memory-log.ts'
import type { RecordBatch, TopicPartition } from './transport.ts'

export interface PumpOptions {
  onBatch(batch: RecordBatch): Promise<void>
  onCaughtUp?(partition: TopicPartition, endOffset: number): void
  readonly maxBatchBytesPerPartition?: number
}

interface Lane {
  readonly at: TopicPartition
  readonly key: string
  readonly log: MemoryPartition
  position: number
  paused: boolean
  /** Settles when the batch under way has been handled. */
  busy: Promise<void> | null
}

const defaultMaxBytes = 1_000_000

/** Delivers partitions of the memory log to one consumer: in order per partition, partitions beside each other, one batch at a time each. */
export class MemoryPump {
  readonly crashed: Promise<never>
  readonly #options: PumpOptions
  readonly #stalled: () => boolean
  readonly #lanes = new Map<string, Lane>()
  #stopped = false
  #fail: (cause: unknown) => void = () => undefined

  constructor(options: PumpOptions, stalled: () => boolean) {
    this.#options = options
    this.#stalled = stalled
    this.crashed = new Promise<never>((_, reject) => {
      this.#fail = (cause) => {
        this.#stopped = true
        reject(cause)
      }
    })
    this.crashed.catch(() => undefined)
  }

  crash(cause: unknown): void {
    this.#fail(cause)
  }

  add(at: TopicPartition, log: MemoryPartition, position: number): void {
    const key = laneKey(at)
    const lane: Lane = { at: { ...at }, key, log, position: Math.max(position, log.low), paused: false, busy: null }
    this.#lanes.set(key, lane)
    this.#run(lane)
  }

  remove(at: TopicPartition): void {
    this.#lanes.delete(laneKey(at))
  }

  has(at: TopicPartition): boolean {
    return this.#lanes.has(laneKey(at))
  }

  owned(): readonly TopicPartition[] {
    return [...this.#lanes.values()].map(({ at }) => at)
  }

  position(at: TopicPartition): number | null {
    return this.#lanes.get(laneKey(at))?.position ?? null
  }

  setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const at of partitions) {
      const lane = this.#lanes.get(laneKey(at))
      if (lane !== undefined) lane.paused = paused
    }
    this.wake()
  }

  /** Looks for new records in every partition; one read to its end is told about again. */
  wake(): void {
    for (const lane of this.#lanes.values()) this.#run(lane)
  }

  /** Something was appended to the partition with that `laneKey`. */
  wakeAt(key: string): void {
    const lane = this.#lanes.get(key)
    if (lane !== undefined) this.#run(lane)
  }

  /** Settles when no batch is being handled. */
  async quiet(): Promise<void> {
    await Promise.all([...this.#lanes.values()].flatMap(({ busy }) => (busy === null ? [] : [busy])))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.quiet()
    this.#lanes.clear()
  }

  #run(lane: Lane): void {
    if (lane.busy !== null) return
    // Most looks find nothing, and many consumers need not be told so.
    if (lane.position >= lane.log.end && this.#options.onCaughtUp === undefined) return
    lane.busy = this.#deliver(lane)
      .catch(this.#fail)
      .finally(() => {
        lane.busy = null
        // Something may have come between the last look and now.
        if (this.#live(lane) && lane.position < lane.log.end) this.#run(lane)
      })
  }

  #live(lane: Lane): boolean {
    return !(this.#stopped || lane.paused || this.#stalled()) && this.#lanes.get(lane.key) === lane
  }

  async #deliver(lane: Lane): Promise<void> {
    // Never within the call that appended: a real broker answers later, too.
    await Promise.resolve()
    while (this.#live(lane) && lane.position < lane.log.end) {
      const { batch, next } = lane.log.fetch(lane.position, this.#options.maxBatchBytesPerPartition ?? defaultMaxBytes)
      if (batch.records.length > 0) await this.#options.onBatch(batch)
      lane.position = next
    }
    if (this.#live(lane)) this.#options.onCaughtUp?.(lane.at, lane.log.end)
  }
}

export function laneKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
