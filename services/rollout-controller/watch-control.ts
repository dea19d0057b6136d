import type { Records } from '../domain/events/records.ts'
import { readRun } from '../domain/rollout/run-document.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type { InRecord, Reader, Transport } from '../platform/kafka/transport.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { ControlMetrics } from './control-metrics.ts'
import { createLatchAcks, type LatchAcks } from './latch-acks.ts'
import type { RouteBook } from './route-book.ts'
import { partitionHeader } from './work.ts'

/** How many acks before the end are read at start: routers repeat theirs, so the last few of each are enough. */
const acksTail = 20_000
/** As many decisions: a command is given again within moments of its decision, or not at all. */
const decisionsTail = 1_000

export interface WatchOptions {
  readonly transport: Transport
  readonly codec: Codec<Records>
  readonly book: RouteBook
  readonly metrics: ControlMetrics
  readonly log: Logger
  readonly clock: Clock
  /** Something arrived that a sweep should look at. */
  wake(): void
}

export interface Watch {
  /** Resolves when runs, splits and decisions have been read to where they end now: nothing written before the call is unknown after it. */
  caughtUp(): Promise<void>
  readonly crashed: Promise<never>
  stop(): Promise<void>
}

/** Keeps the book up to date from runs, splits, decisions, brakes and acks. Resolves when all have been read to their ends. */
export async function watchControl(options: WatchOptions): Promise<Watch> {
  const { transport } = options
  const positions = createPositions()
  const onCaughtUp = ({ topic }: { readonly topic: string }, endOffset: number): void =>
    positions.reached(topic, endOffset)
  const nearEnd = async (topic: string, tail: number) =>
    (await transport.endOffsets(topic)).map((end) => ({ ...end, offset: Math.max(0, end.offset - tail) }))
  const startOf = {
    acks: await nearEnd(topics.acks.name, acksTail),
    decisions: await nearEnd(topics.decisions.name, decisionsTail),
  }
  const onBatch =
    (take: (record: InRecord) => Promise<void>) => async (batch: { readonly records: readonly InRecord[] }) => {
      for (const record of batch.records) await take(record)
      if (batch.records.length > 0) options.wake()
    }
  const readers: Reader[] = []
  /** What is read before this starts says nothing about how long anything takes. */
  let latchAcks: LatchAcks | null = null
  const take = (record: InRecord) => takeControl(options, record, latchAcks)
  const open = async (
    topic: string,
    startAt: Parameters<Transport['read']>[0]['startAt'],
    take: (record: InRecord) => Promise<void>,
  ): Promise<void> => {
    readers.push(await transport.read({ topics: [topic], startAt, onBatch: onBatch(take), onCaughtUp, maxWaitMs: 100 }))
  }
  const openAll = async () => {
    await open(topics.runs.name, 'beginning', async (record) => takeRun(options, record))
    await open(topics.splits.name, 'beginning', take)
    await open(topics.decisions.name, startOf.decisions, take)
    await open(topics.brakes.name, 'beginning', take)
    await open(topics.acks.name, startOf.acks, take)
  }
  const stop = async () => void (await Promise.all(readers.map((reader) => reader.stop())))
  try {
    await openAll()
  } catch (error) {
    // Whoever tries again opens all of them anew.
    await stop()
    throw error
  }
  await Promise.all(readers.map((reader) => reader.caughtUp))
  latchAcks = createLatchAcks(options.clock, options.metrics.latchAcked)
  const crashed = Promise.race(readers.map((reader) => reader.crashed))
  return {
    crashed,
    async caughtUp() {
      for (const topic of [topics.runs.name, topics.splits.name, topics.decisions.name]) {
        const ends = await transport.endOffsets(topic)
        await positions.atLeast(topic, Math.max(0, ...ends.map((end) => end.offset)))
      }
    },
    stop,
  }
}

/** Remembers how far single-partition topics have been read to their ends, and wakes those who wait for it. */
function createPositions() {
  const reached = new Map<string, number>()
  let waiting: { readonly topic: string; readonly offset: number; readonly resolve: () => void }[] = []
  return {
    reached(topic: string, offset: number): void {
      reached.set(topic, Math.max(offset, reached.get(topic) ?? 0))
      const due = waiting.filter((item) => item.topic === topic && item.offset <= offset)
      waiting = waiting.filter((item) => !due.includes(item))
      for (const item of due) item.resolve()
    },
    atLeast(topic: string, offset: number): Promise<void> {
      if ((reached.get(topic) ?? 0) >= offset) return Promise.resolve()
      return new Promise((resolve) => waiting.push({ topic, offset, resolve }))
    },
  }
}

function takeRun(options: WatchOptions, record: InRecord): void {
  // Golden sets share the topic and are pairing's business.
  if (record.value === null || record.key?.startsWith('golden/') === true) return
  const run = readRun(record.value.toString('utf8'))
  const partition = Number(record.headers[partitionHeader] ?? Number.NaN)
  if (run === null || run.id !== record.key) bad(options, record, 'not a run')
  else if (!Number.isInteger(partition) || partition < 0) bad(options, record, 'no commands partition in the headers')
  else options.book.seenRun(run, partition, record.offset)
}

async function takeControl(options: WatchOptions, record: InRecord, latchAcks: LatchAcks | null): Promise<void> {
  // A tombstone lifts nothing and says nothing.
  if (record.value === null) return
  const decoded = await options.codec.decode(record.value)
  const { book } = options
  if (decoded.kind === 'bad') bad(options, record, decoded.reason)
  else if (decoded.name === 'Split' && record.topic === topics.splits.name) book.seenSplit(decoded.value)
  else if (decoded.name === 'Decision' && record.topic === topics.decisions.name) book.seenDecision(decoded.value)
  else if (decoded.name === 'Latch' && record.topic === topics.brakes.name) {
    book.seenLatch(decoded.value)
    latchAcks?.heardLatch(decoded.value.id)
  } else if (decoded.name === 'Kill' && record.topic === topics.brakes.name) book.seenKill(decoded.value)
  else if (decoded.name === 'Ack' && record.topic === topics.acks.name) {
    book.seenAck(decoded.value)
    latchAcks?.heardAck(decoded.value)
  } else bad(options, record, `a ${decoded.name} does not belong here`)
}

function bad(options: WatchOptions, record: InRecord, reason: string): void {
  options.metrics.badRecord(record.topic)
  options.log.warn(
    { topic: record.topic, partition: record.partition, offset: record.offset, reason },
    'record ignored',
  )
}
