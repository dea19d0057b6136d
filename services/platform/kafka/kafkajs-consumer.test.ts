import { createRequire } from 'node:module'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createKafkajsConsumer } from './kafkajs-consumer.ts'
import { createKafkajsFake } from './kafkajs-fake.ts'
import type { SharedAdmin } from './shared-admin.ts'

const { KafkaJSGroupCoordinatorNotFound, KafkaJSNonRetriableError } = createRequire(import.meta.url)(
  'kafkajs/src/errors.js',
) as Record<string, new (message: string) => Error>

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

async function setUp() {
  const { kafka, names, log, said, calls, configs, emit } = createKafkajsFake()
  const waiting = new Map<string, string>()
  const consumer = createKafkajsConsumer(kafka, {} as SharedAdmin, names, log, {
    groupId: 'g',
    topics: ['t'],
    onBatch: async () => undefined,
    onJoin: async () => undefined,
    onRebalance() {},
    waits: (what, why) => void (why === null ? waiting.delete(what) : waiting.set(what, why)),
  })
  await consumer.start()
  const crash = (Made: (new (message: string) => Error) | undefined) => {
    if (Made === undefined) throw new Error('kafkajs renamed its errors')
    emit('crash', { error: new Made('x'), groupId: 'g', restart: false })
  }
  const startsOver = () => configs[0]?.retry?.restartOnFailure?.(new Error('crash'))
  return { consumer, calls, crash, said, startsOver, waiting }
}

test('a coordinator that is not there yet is waited for, although kafkajs gives up', async () => {
  const { calls, crash, said } = await setUp()
  crash(KafkaJSGroupCoordinatorNotFound)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(calls.run).toBe(2)
  expect(said).toEqual(['consuming broke off; starting over'])
})

test('a consumer that was stopped meanwhile stays stopped', async () => {
  const { consumer, calls, crash } = await setUp()
  crash(KafkaJSGroupCoordinatorNotFound)
  await consumer.stop()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(calls.run).toBe(1)
})

test('a consumer that is stopped waits for nothing, whether it broke off before or while it stopped', async () => {
  const { consumer, calls, crash, waiting } = await setUp()
  crash(KafkaJSGroupCoordinatorNotFound)
  expect([...waiting.keys()]).toEqual(['consuming t'])
  calls.joins = Promise.withResolvers()
  await vi.advanceTimersByTimeAsync(2_000)
  const stopped = consumer.stop()
  expect([...waiting.keys()]).toEqual([])
  crash(KafkaJSGroupCoordinatorNotFound)
  calls.joins.resolve()
  await stopped
  expect([...waiting.keys()]).toEqual([])
})

test('kafkajs never starts over by itself: a stop that came meanwhile would be lost', async () => {
  const { startsOver } = await setUp()
  expect(await startsOver()).toBe(false)
})

test('a stop waits for a membership that is being made: kafkajs can only end one that is there', async () => {
  const { consumer, calls, crash } = await setUp()
  calls.joins = Promise.withResolvers()
  crash(KafkaJSGroupCoordinatorNotFound)
  await vi.advanceTimersByTimeAsync(2_000)
  const stopped = consumer.stop()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(calls.disconnect).toBe(0)
  calls.joins.resolve()
  await stopped
  expect(calls.disconnect).toBe(1)
})

test('what is wrong for good ends the consumer', async () => {
  const { consumer, crash } = await setUp()
  crash(KafkaJSNonRetriableError)
  await expect(consumer.crashed).rejects.toMatchObject({ code: 'REFUSED' })
})

test('a broker that hangs is told of long before the client gives up asking it', async () => {
  const { kafka, names, log } = createKafkajsFake()
  const told: (string | null)[] = []
  const hanging: SharedAdmin = { ask: () => new Promise(() => undefined), close: async () => undefined }
  const consumer = createKafkajsConsumer(kafka, hanging, names, log, {
    groupId: 'g',
    topics: ['t'],
    onBatch: async () => undefined,
    onJoin: async () => undefined,
    onRebalance() {},
    onCaughtUp() {},
    waits: (_, why) => void told.push(why),
  })
  await consumer.start()
  consumer.positions.own({ topic: 't', partition: 0 }, 0)
  await vi.advanceTimersByTimeAsync(4_000)
  expect(told).toEqual([])
  await vi.advanceTimersByTimeAsync(3_000)
  expect(told.at(0)).toBe('the broker has not answered for 5 s')
  await consumer.stop()
})

test('a member that takes long to take its partitions over goes on beating, and hears when it is given up', async () => {
  const { kafka, names, log, deliver, emit } = createKafkajsFake()
  const takenOver = Promise.withResolvers<void>()
  const consumer = createKafkajsConsumer(kafka, {} as SharedAdmin, names, log, {
    groupId: 'g',
    topics: ['t'],
    onBatch: async () => undefined,
    onJoin: () => takenOver.promise,
    onRebalance() {},
  })
  await consumer.start()
  emit('join', { memberId: 'a', memberAssignment: { t: [0] } })
  let beats = 0
  const delivered = deliver('t', async () => {
    beats += 1
  })
  await vi.advanceTimersByTimeAsync(30_000)
  // The coordinator gives up who is silent for 6 s.
  expect(beats).toBeGreaterThan(10)
  const givenUp = expect(deliver('t', () => Promise.reject(new Error('unknown member')))).rejects.toThrow('unknown')
  await vi.advanceTimersByTimeAsync(2_000)
  await givenUp
  takenOver.resolve()
  await delivered
})

test('what holds nothing to deliver is behind a partition although it came before the partition was taken over', async () => {
  const { kafka, names, log, emit } = createKafkajsFake()
  const takenOver = Promise.withResolvers<void>()
  const partition = { topic: 't', partition: 0 }
  const consumer = createKafkajsConsumer(kafka, {} as SharedAdmin, names, log, {
    groupId: 'g',
    topics: ['t'],
    onBatch: async () => undefined,
    async onJoin() {
      await takenOver.promise
      consumer.positions.own(partition, 5)
    },
    onRebalance() {},
  })
  await consumer.start()
  emit('join', { memberId: 'a', memberAssignment: { t: [0] } })
  // The end of a transaction, right behind what was committed: kafkajs never fetches it again.
  emit('end', { ...partition, batchSize: 0, lastOffset: '5' })
  takenOver.resolve()
  await vi.advanceTimersByTimeAsync(0)
  expect(consumer.positions.position(partition)).toBe(6)
})
