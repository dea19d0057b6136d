import type { Command, DeadLetter, Records } from '../domain/events/records.ts'
import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type { InRecord, RecordBatch, TransactionalProducer, Transport } from '../platform/kafka/transport.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { ControlMetrics } from './control-metrics.ts'
import type { RouteBook } from './route-book.ts'
import { createWork, type Work } from './work.ts'

export interface ControllerOptions {
  readonly transport: Transport
  readonly codec: Codec<Records>
  readonly book: RouteBook
  readonly metrics: ControlMetrics
  readonly log: Logger
  readonly clock: Clock
  readonly groupId: string
  readonly transactionalId: string
  /** Most commands in one transaction. */
  readonly commandsMax: number
  /** See `Watch.caughtUp`. */
  caughtUp(): Promise<void>
  /** Waits, shorter when the process stops. */
  sleep(ms: number): Promise<void>
  /** Told why the broker is asked again, and null when it has answered. */
  waits(why: string | null): void
  stopping(): boolean
  /** A broken invariant or a partition lost for good: the process has to start again from the log. */
  fail(cause: unknown): void
}

/** Thrown when another controller took a partition that the group still gives to this one: two groups or two names share a transactional id. */
class FencedForGoodError extends PenstockError {
  constructor(partition: number) {
    super(
      `commands partition ${partition} is written by another controller; does another group use this transactional id?`,
      {
        code: 'FENCED_FOR_GOOD',
      },
    )
  }
}

/** A rebalance tells the loser of a partition within this time of its being fenced. */
const fencedGraceMs = 15_000

/** About eight minutes without a broker; then the process ends and its supervisor decides. */
const attemptsMax = 100
const backoffMaxMs = 5_000

type CommitResult = 'written' | 'fenced' | { readonly failed: string }

const pauseMs = (tries: number) => Math.min(backoffMaxMs, 200 * 2 ** Math.min(tries, 6))

/** Errors of ours and of the Kafka client alike say whether the same call may succeed later. */
function codeOf(error: unknown): { readonly code: string; readonly retriable: boolean } {
  const { code, retriable } = (error ?? {}) as { readonly code?: unknown; readonly retriable?: unknown }
  return { code: typeof code === 'string' ? code : 'UNKNOWN', retriable: retriable === true }
}

/**
 * The single writer. Everything that changes a run goes through one line of work per process; each piece ends in one transaction with
 * state, decisions, split and command offset, and memory follows only after the broker has it. A transactional id per commands
 * partition fences: opening it ends whatever an earlier owner had begun, and only then the log is read to its end.
 */
export class Controller {
  readonly #options: ControllerOptions
  /** What the group gives to this process; owned follows once the transactional id is opened and the log is read. */
  readonly #wanted = new Set<number>()
  readonly #owned = new Map<number, TransactionalProducer>()
  readonly #fencedAtMs = new Map<number, number>()
  #line: Promise<void> = Promise.resolve()
  #sweepWaiting = false

  constructor(options: ControllerOptions) {
    this.#options = options
  }

  /** All partitions that the group gave are owned. */
  ready(): boolean {
    return this.#wanted.size === this.#owned.size
  }

  /** Resolves when the partitions are owned and every run in them has seen what it missed. */
  onAssigned(partitions: readonly { readonly partition: number }[]): Promise<void> {
    for (const { partition } of partitions) this.#wanted.add(partition)
    return this.#inLine(async () => {
      for (const { partition } of partitions) await this.#ownPatiently(partition)
      await this.#sweepAll()
    })
  }

  onRevoked(partitions: readonly { readonly partition: number }[]): void {
    for (const { partition } of partitions) {
      const producer = this.#owned.get(partition)
      this.#wanted.delete(partition)
      this.#fencedAtMs.delete(partition)
      this.#owned.delete(partition)
      if (producer !== undefined) void this.#closeQuietly(producer, partition)
    }
  }

  onBatch(batch: RecordBatch): Promise<void> {
    return this.#inLine(() => this.#handleCommands(batch))
  }

  /** Applies brakes, acks and time to all runs owned; sweeps that are asked for while one waits are the same sweep. */
  sweep(): Promise<void> {
    if (this.#sweepWaiting) return this.#line
    this.#sweepWaiting = true
    return this.#inLine(() => this.#sweepAll()).catch((error: unknown) => this.#options.fail(error))
  }

  close(): Promise<void> {
    this.#wanted.clear()
    return this.#inLine(async () => {
      for (const [partition, producer] of this.#owned) await this.#closeQuietly(producer, partition)
      this.#owned.clear()
    })
  }

  /** One at a time, in order; a failure that is not waited out ends the process. */
  #inLine(task: () => Promise<void>): Promise<void> {
    const done = this.#line.then(task)
    this.#line = done.catch(() => undefined)
    return done
  }

  /**
   * Builds the work from what is known, and writes it. After a failure nobody knows whether the broker has it: the producer is opened
   * anew, which settles that, the log is read to its end, and the work is built again; what had been written then changes nothing.
   */
  async #perform(partition: number, offset: number | null, build: (work: Work) => Promise<void> | void): Promise<void> {
    const { book, metrics, sleep, waits } = this.#options
    let failures = 0
    while (this.#owned.has(partition)) {
      const work = createWork(book, partition, (kind, outcome) => metrics.transition(kind, outcome))
      await build(work)
      const result = await this.#commit(work, offset)
      if (typeof result === 'string') break
      failures += 1
      await this.#ownPatiently(partition)
      if (failures === 1) continue
      // Opened anew it still cannot write: it may have a right to the one and not to the other.
      waits(result.failed)
      await sleep(pauseMs(failures))
    }
    if (failures > 1) waits(null)
  }

  async #commit(work: Work, offset: number | null): Promise<CommitResult> {
    const { clock, codec, groupId, metrics } = this.#options
    const producer = this.#owned.get(work.partition)
    if (producer === undefined || (work.isEmpty() && offset === null)) return 'written'
    const records = work.records(codec)
    const offsets = offset === null ? [] : [{ topic: topics.commands.name, partition: work.partition, offset }]
    const begunMs = clock.monoMs()
    try {
      await producer.commit({ records, offsets, groupId })
    } catch (error) {
      return this.#lost(work.partition, error)
    }
    metrics.committed(records.length, (clock.monoMs() - begunMs) / 1000)
    this.#settle(work)
    return 'written'
  }

  #lost(partition: number, error: unknown): CommitResult {
    const { log } = this.#options
    const { code, retriable } = codeOf(error)
    if (code === 'FENCED') {
      this.#yield(partition)
      return 'fenced'
    }
    if (!retriable) throw error
    log.warn({ partition, code, error: String(error) }, 'transaction failed')
    return { failed: String(error) }
  }

  /** Another controller took over: the group will say so, or nobody does and this process starts again. */
  #yield(partition: number): void {
    const { clock, log, metrics } = this.#options
    metrics.fenced()
    this.#owned.delete(partition)
    if (this.#wanted.has(partition)) this.#fencedAtMs.set(partition, clock.monoMs())
    log.warn({ partition }, 'another controller owns the partition; nothing was written')
  }

  /** The broker has it: memory may follow. */
  #settle(work: Work): void {
    const { book, log, metrics } = this.#options
    for (const run of work.runs.values()) book.commit(run, work.partition)
    for (const split of work.splits) book.seenSplit(split)
    for (const { run, from_phase, to_phase, by, reason, times, at, id } of work.decisions) {
      log.info({ id, run, from: from_phase, to: to_phase, by, reason }, 'decision')
      const breached = times['breached_at']
      const isRevert = to_phase === 'rolled_back' && from_phase !== 'rolled_back'
      if (isRevert && breached !== undefined) metrics.reverted(Math.max(0, at - breached) / 1000)
    }
  }

  async #handleCommands(batch: RecordBatch): Promise<void> {
    const { commandsMax } = this.#options
    for (let first = 0; first < batch.records.length; first += commandsMax) {
      const records = batch.records.slice(first, first + commandsMax)
      const last = records.at(-1)
      if (last === undefined) return
      await this.#perform(batch.partition, last.offset + 1, async (work) => {
        for (const record of records) await this.#takeCommand(work, record)
      })
    }
  }

  async #takeCommand(work: Work, record: InRecord): Promise<void> {
    const { clock, metrics } = this.#options
    const command = await this.#decodeCommand(record)
    if (command === null) return
    if ('code' in command) {
      metrics.badRecord(topics.commands.name)
      metrics.lettered(command.code)
      work.reject(command)
      return
    }
    // Brakes first: a command must not overtake a latch that is known here already.
    work.sweep(command.run, clock.nowMs())
    work.command(command, clock.nowMs())
  }

  async #decodeCommand(record: InRecord): Promise<Command | DeadLetter | null> {
    if (record.value === null) return null
    const decoded = await this.#options.codec.decode(record.value)
    if (decoded.kind === 'bad') return this.#letter(record, decoded.code, decoded.reason, null)
    if (decoded.name !== 'Command') {
      return this.#letter(record, 'FOREIGN_RECORD', `a ${decoded.name} is no command`, decoded.name)
    }
    const { id, run } = decoded.value
    return id === '' || run === ''
      ? this.#letter(record, 'INVALID_VALUE', 'id or run is empty', 'Command')
      : decoded.value
  }

  #letter(record: InRecord, code: string, reason: string, name: string | null): DeadLetter {
    const { topic, partition, offset } = record
    const at = this.#options.clock.nowMs()
    return { consumer: 'rollout-controller', topic, partition, offset, code, reason, record_name: name, at }
  }

  async #sweepAll(): Promise<void> {
    const { book, clock, metrics } = this.#options
    this.#sweepWaiting = false
    const acks = book.pendingAcks()
    for (const [partition, atMs] of this.#fencedAtMs) {
      if (clock.monoMs() - atMs > fencedGraceMs) throw new FencedForGoodError(partition)
    }
    for (const partition of [...this.#owned.keys()]) {
      await this.#perform(partition, null, (work) => {
        for (const run of book.runsOf(partition)) work.sweep(run.id, clock.nowMs())
      })
    }
    book.settleAcks(acks)
    metrics.state(book.all(), this.#owned.size, book.pendingAcks())
  }

  async #own(partition: number): Promise<void> {
    const { book, caughtUp, groupId, log, transactionalId, transport } = this.#options
    const before = this.#owned.get(partition)
    this.#owned.delete(partition)
    this.#fencedAtMs.delete(partition)
    if (before !== undefined) await this.#closeQuietly(before, partition)
    const producer = await transport.transactional(`${transactionalId}-${partition}`)
    // The client takes the id over with its first transaction: an empty one, so that it is this one and not the first decision.
    await producer.commit({ records: [], offsets: [], groupId })
    // From here on no earlier owner can write; what it wrote is on the log and has to be known before the first decision.
    await caughtUp()
    if (!this.#wanted.has(partition)) return this.#closeQuietly(producer, partition)
    this.#owned.set(partition, producer)
    log.info({ partition, runs: book.runsOf(partition).length }, 'owns commands partition')
  }

  /** Until the broker answers, the partition is taken away, the process stops or the patience ends. */
  async #ownPatiently(partition: number): Promise<void> {
    const { log, sleep, stopping, waits } = this.#options
    for (let tries = 1; this.#wanted.has(partition) && !stopping(); tries += 1) {
      try {
        await this.#own(partition)
        waits(null)
        return
      } catch (error) {
        // Between opening the id and using it another one took it.
        if (codeOf(error).code === 'FENCED') return this.#yield(partition)
        if (!codeOf(error).retriable || tries >= attemptsMax) throw error
        waits(String(error))
        log.warn({ partition, tries, error: String(error) }, 'broker is away')
      }
      await sleep(pauseMs(tries))
    }
    this.#owned.delete(partition)
  }

  async #closeQuietly(producer: TransactionalProducer, partition: number): Promise<void> {
    const { log } = this.#options
    await producer
      .close()
      .catch((error: unknown) => log.warn({ partition, error: String(error) }, 'producer did not close'))
  }
}
