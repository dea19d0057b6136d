import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Fate, MemoryStore } from '../platform/clickhouse/memory-store.ts'
import { MemoryTransport } from '../platform/kafka/memory-transport.ts'
import type { RecordBatch, Transport } from '../platform/kafka/transport.ts'
import { TransportError } from '../platform/kafka/transport-error.ts'
import { systemClock } from '../platform/lifecycle/clocks.ts'
import { createScope } from '../platform/lifecycle/process-scope.ts'
import type { Logger } from '../platform/log/logger.ts'
import { startLane } from './lane.ts'

const topic = 'exchanges'
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const nothing = { add() {}, set() {}, remove() {}, observe() {} }
const metrics = { counter: () => nothing, gauge: () => nothing, histogram: () => nothing, text: async () => '' }

class Death extends Error {}

/** Dies at the n-th announcement, insert or commit of an end: before it is done, or after it and before anybody hears of it. */
class Reaper {
  #left: number
  readonly #done: boolean
  constructor(step: number, done: boolean) {
    this.#left = step
    this.#done = done
  }

  async pass<T>(act: () => Promise<T>): Promise<T> {
    this.#left -= 1
    if (this.#left > 0) return act()
    if (this.#left === 0 && this.#done) await act()
    throw new Death()
  }
}

const immortal = new Reaper(Number.POSITIVE_INFINITY, false)

async function openLog(count: number) {
  const log = new MemoryTransport(systemClock)
  await log.ensureTopics([{ name: topic, partitions: 2, config: {} }])
  const producer = await log.producer()
  const send = (from: number, to: number) =>
    producer.send(
      Array.from({ length: to - from }, (_, index) => ({
        topic,
        key: null,
        partition: index % 2,
        value: Buffer.from(`r${from + index}`),
      })),
    )
  await send(0, count)
  return { log, send }
}

/** One process: a lane on the log and the store, with a reaper between them. */
async function startProcess(log: Transport, store: MemoryStore, reaper: Reaper) {
  const scope = createScope({ log: quiet, metrics, clock: systemClock, deadlineMs: 5_000 })
  const transport: Transport = {
    ...facade(log),
    async consume(options) {
      const consumer = await log.consume(options)
      return { ...consumer, commit: (offsets) => reaper.pass(() => consumer.commit(offsets)) }
    },
  }
  await startLane(scope, {
    groupId: 'sink',
    topics: [topic],
    policy: { recordsMax: 3, bytesMax: 1_000, waitMaxMs: 20 },
    transport,
    store: {
      insertRowBinary: (table, names, rows, options) =>
        reaper.pass(() => store.insertRowBinary(table, names, rows, options)),
    },
    encode: async (records) => {
      const text = records.map((record) => `${record.value?.toString()}\n`).join('')
      return new Map([['legs' as const, { rows: records.length, bytes: Buffer.from(text) }]])
    },
  })
  onTestFinished(async () => void (await scope.stop()))
  return scope
}

/** Methods of the class, bound, so that one of them can be replaced. */
function facade(log: Transport): Transport {
  return {
    producer: (options) => log.producer(options),
    transactional: (id) => log.transactional(id),
    consume: (options) => log.consume(options),
    read: (options) => log.read(options),
    ensureTopics: (specs) => log.ensureTopics(specs),
    partitionCount: (name) => log.partitionCount(name),
    endOffsets: (name) => log.endOffsets(name),
    close: () => log.close(),
  }
}

const named = (count: number) => Array.from({ length: count }, (_, index) => `r${index}`).sort()
const arrived = (store: MemoryStore, count: number) =>
  vi.waitFor(() => expect([...store.rows()].sort()).toEqual(named(count)), { timeout: 10_000 })

/** What becomes of the first inserts, one by one; those that follow are answered. */
function storeOf(...fates: readonly Fate[]): MemoryStore {
  const left = [...fates]
  return new MemoryStore(() => left.shift() ?? 'answered')
}

describe('exactly once', () => {
  const steps = Array.from({ length: 8 }, (_, index) => index + 1)
  it.each(
    steps.flatMap((step) => [
      { step, done: false },
      { step, done: true },
    ]),
  )('dies at step $step, done: $done', async ({ step, done }) => {
    const { log, send } = await openLog(10)
    const store = new MemoryStore()
    const first = await startProcess(log, store, new Reaper(step, done))
    expect(await first.failed).toBeInstanceOf(Death)
    await first.stop()
    await send(10, 16)
    await startProcess(log, store, immortal)
    await arrived(store, 16)
  })

  it('dies again and again, one step further each time', async () => {
    const { log } = await openLog(10)
    const store = new MemoryStore()
    for (const step of [1, 1, 2, 2, 3, 3, 4]) {
      const scope = await startProcess(log, store, new Reaper(step, step % 2 === 0))
      await scope.failed
      await scope.stop()
    }
    await startProcess(log, store, immortal)
    await arrived(store, 10)
  })
})

const inDoubt = ['away', 'unheard', 'forgotten'] as const

describe('a store that is killed in the middle of inserts', () => {
  it.each(inDoubt.flatMap((first) => inDoubt.map((second) => [first, second] as const)))(
    'has everything once: one is %s, the next %s',
    async (...fates) => {
      const { log } = await openLog(2)
      const store = storeOf(...fates)
      await startProcess(log, store, immortal)
      await arrived(store, 2)
    },
  )

  it.each(inDoubt.flatMap((fate) => [3, 5].map((step) => ({ fate, step }))))(
    'has everything once when the sink dies at step $step, after one insert was $fate',
    async ({ fate, step }) => {
      const { log, send } = await openLog(2)
      const store = storeOf(fate, fate)
      const first = await startProcess(log, store, new Reaper(step, true))
      await first.failed
      await first.stop()
      await send(2, 6)
      await startProcess(log, store, immortal)
      await arrived(store, 6)
    },
  )

  it('has everything once when the store forgets the second attempt, and the sink dies before it hears of it', async () => {
    const { log } = await openLog(1)
    const store = storeOf('forgotten', 'answered', 'forgotten')
    // Announced, sent, sent again; announced, sent; dead.
    const first = await startProcess(log, store, new Reaper(6, false))
    await first.failed
    await first.stop()
    await startProcess(log, store, immortal)
    await arrived(store, 1)
  })
})

describe('what passes by itself', () => {
  it('waits for a store that is away', async () => {
    const { log, send } = await openLog(5)
    const store = storeOf('away', 'away', 'away')
    await startProcess(log, store, immortal)
    await vi.waitFor(() => expect(store.calls).toBeGreaterThan(1))
    await send(5, 9)
    await arrived(store, 9)
  })

  it('is nothing but marks of a quiet partition: they are committed, and neither announced nor written', async () => {
    const { log } = await openLog(0)
    const producer = await log.producer()
    const mark = { topic, key: 'pairing/mark', partition: 0, value: null }
    await producer.send([mark, mark])
    const store = new MemoryStore()
    const commits: unknown[] = []
    const transport: Transport = {
      ...facade(log),
      async consume(options) {
        const consumer = await log.consume(options)
        const commit = (offsets: Parameters<typeof consumer.commit>[0]) => {
          commits.push(...offsets)
          return consumer.commit(offsets)
        }
        return { ...consumer, commit }
      },
    }
    await startProcess(transport, store, immortal)
    await vi.waitFor(() => expect(commits).toEqual([{ topic, partition: 0, offset: 2, metadata: '' }]))
    await producer.send([mark, { ...mark, value: Buffer.from('r0') }, mark])
    await vi.waitFor(() => expect(commits).toHaveLength(3))
    expect(commits.at(-1)).toEqual({ topic, partition: 0, offset: 5, metadata: '' })
    expect(store.calls).toBe(1)
  })

  it('bears a full partition while its consumer is starting over and cannot be paused', async () => {
    const { log } = await openLog(0)
    const producer = await log.producer()
    const value = (index: number) => Buffer.from(`r${index}`.padEnd(850_000, ' '))
    for (let index = 0; index < 45; index += 1)
      await producer.send([{ topic, key: null, partition: 0, value: value(index) }])
    const store = storeOf('away', 'away', 'away')
    let refused = 0
    const transport: Transport = {
      ...facade(log),
      async consume(options) {
        const consumer = await log.consume(options)
        const pause = () => {
          refused += 1
          throw new TransportError('the consumer does not run', { code: 'BROKER_AWAY', retriable: true })
        }
        return { ...consumer, pause }
      },
    }
    const scope = await startProcess(transport, store, immortal)
    await vi.waitFor(() => expect(store.rows()).toHaveLength(45), { timeout: 15_000, interval: 200 })
    expect(refused).toBeGreaterThan(0)
    expect(scope.signal.aborted).toBe(false)
  })

  it('loses nothing when commits are refused in a rebalance or fail for a while', async () => {
    const { log } = await openLog(8)
    const store = new MemoryStore()
    for (let times = 0; times < 3; times += 1)
      log.failNext('commit', { error: new TransportError('no broker', { code: 'BROKER_AWAY', retriable: true }) })
    await startProcess(log, store, immortal)
    await startProcess(log, store, immortal)
    await arrived(store, 8)
  })

  it('leaves a range to the lane that has the partition, although its own announcement of it was taken', async () => {
    const { log, send } = await openLog(2)
    const store = new MemoryStore()
    const batches: RecordBatch[] = []
    let isFirst = true
    const transport: Transport = {
      ...facade(log),
      async consume(options) {
        const onBatch = (batch: RecordBatch) => {
          batches.push(batch)
          return options.onBatch(batch)
        }
        const consumer = await log.consume({ ...options, onBatch })
        return {
          ...consumer,
          async commit(offsets) {
            const [at] = offsets
            if (!isFirst || at === undefined) return consumer.commit(offsets)
            isFirst = false
            // Lost and back while the announcement was on its way: committed offsets were asked for before it arrived.
            options.onRevoked?.([at])
            await options.onAssigned?.([{ ...at, committed: at.offset, metadata: '' }])
            for (const batch of batches) if (batch.partition === at.partition) await options.onBatch(batch)
            await send(2, 6)
            return consumer.commit(offsets)
          },
        }
      },
    }
    await startProcess(transport, store, immortal)
    await arrived(store, 6)
  })
})
