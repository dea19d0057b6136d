import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type {
  ConsumedOffset,
  GroupConsumer,
  GroupConsumerOptions,
  InRecord,
  OutRecord,
  Producer,
  Reader,
  ReaderOptions,
  TransactionalProducer,
  Transport,
  Written,
} from '../platform/kafka/transport.ts'

class LogError extends PenstockError {}

/** What a transaction does when it is told to fail: before anything is written, or after all is written and before the caller hears of it. */
type Fault = 'before' | 'after' | null

/** A log of single-partition topics with the two things that the controller's tests turn on: transactions that fence, and faults around them. */
export class LogFake implements Transport {
  readonly records = new Map<string, InRecord[]>()
  readonly committed = new Map<string, number>()
  readonly #epochs = new Map<string, number>()
  readonly #listeners = new Set<() => Promise<void>>()
  transactions = 0
  /** Taken by the next transaction. */
  fault: Fault = null
  /** Who may take over and not write: transactions with records are refused. */
  readOnly = false
  /** Transactions that were. */
  refused = 0

  of(topic: string): InRecord[] {
    const known = this.records.get(topic) ?? []
    this.records.set(topic, known)
    return known
  }

  append(record: OutRecord): Written {
    const log = this.of(record.topic)
    const at = { topic: record.topic, partition: 0, offset: log.length }
    log.push({ ...at, key: record.key, value: record.value, headers: record.headers ?? {}, timestampMs: 0 })
    return at
  }

  /** Lets every reader see what is there. */
  notify(): void {
    for (const listener of this.#listeners) void listener()
  }

  async producer(): Promise<Producer> {
    const send = async (records: readonly OutRecord[]): Promise<readonly Written[]> => {
      const written = records.map((record) => this.append(record))
      this.notify()
      return written
    }
    return { send, close: async () => undefined }
  }

  async transactional(id: string): Promise<TransactionalProducer> {
    const epoch = (this.#epochs.get(id) ?? 0) + 1
    this.#epochs.set(id, epoch)
    return {
      commit: async (work) => {
        if (this.#epochs.get(id) !== epoch) throw new LogError('fenced', { code: 'FENCED' })
        if (this.readOnly && work.records.length > 0) {
          this.refused += 1
          throw new LogError('may not write', { code: 'ACCESS_DENIED', retriable: true })
        }
        const fault = this.fault
        this.fault = null
        if (fault === 'before') throw new LogError('connection lost', { code: 'CONNECTION', retriable: true })
        const written = work.records.map((record) => this.append(record))
        for (const { topic, offset } of work.offsets) this.committed.set(`${work.groupId}/${topic}`, offset)
        this.transactions += 1
        if (fault === 'after') throw new LogError('no answer', { code: 'CONNECTION', retriable: true })
        this.notify()
        return written
      },
      close: async () => undefined,
    }
  }

  async read(options: ReaderOptions): Promise<Reader> {
    const topic = options.topics[0] ?? ''
    const start = typeof options.startAt === 'string' ? 0 : (options.startAt[0]?.offset ?? 0)
    const pump = this.#pump(topic, start, options)
    return { caughtUp: pump.run(), crashed: new Promise<never>(() => undefined), stop: async () => pump.stop() }
  }

  async consume(options: GroupConsumerOptions): Promise<GroupConsumer> {
    const topic = options.topics[0] ?? ''
    const committed = this.committed.get(`${options.groupId}/${topic}`) ?? null
    await options.onAssigned?.([{ topic, partition: 0, committed, metadata: '' }])
    const pump = this.#pump(topic, committed ?? 0, options)
    void pump.run()
    return {
      commit: async () => true,
      pause: () => undefined,
      resume: () => undefined,
      assigned: () => [{ topic, partition: 0 }],
      crashed: pump.crashed,
      stop: async () => pump.stop(),
    }
  }

  async ensureTopics(): Promise<{ readonly created: readonly string[]; readonly differing: readonly string[] }> {
    return { created: [], differing: [] }
  }

  async partitionCount(): Promise<number> {
    return 1
  }

  async endOffsets(topic: string): Promise<readonly ConsumedOffset[]> {
    return [{ topic, partition: 0, offset: this.of(topic).length }]
  }

  async close(): Promise<void> {
    this.#listeners.clear()
  }

  #pump(topic: string, start: number, options: Pick<ReaderOptions, 'onBatch' | 'onCaughtUp'>) {
    let position = start
    let line: Promise<void> = Promise.resolve()
    let fail: (cause: unknown) => void = () => undefined
    const crashed = new Promise<never>((_, reject) => {
      fail = reject
    })
    crashed.catch(() => undefined)
    const step = async (): Promise<void> => {
      const records = this.of(topic).slice(position)
      position += records.length
      if (records.length > 0) await options.onBatch({ topic, partition: 0, records, endOffset: position })
      options.onCaughtUp?.({ topic, partition: 0 }, position)
    }
    const run = (): Promise<void> => {
      line = line.then(step).catch(fail)
      return line
    }
    this.#listeners.add(run)
    return { run, crashed, stop: () => void this.#listeners.delete(run) }
  }
}
