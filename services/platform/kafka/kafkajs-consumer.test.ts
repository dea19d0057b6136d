import { createRequire } from 'node:module'
import type { Consumer, ConsumerConfig, Kafka } from 'kafkajs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createKafkajsConsumer } from './kafkajs-consumer.ts'
import type { SharedAdmin } from './shared-admin.ts'

const { KafkaJSGroupCoordinatorNotFound, KafkaJSNonRetriableError } = createRequire(import.meta.url)(
  'kafkajs/src/errors.js',
) as Record<string, new (message: string) => Error>

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A consumer whose kafkajs only counts how often it was run, and crashes when told to. */
async function setUp() {
  const said: string[] = []
  const say = (_: unknown, message: string) => void said.push(message)
  const log = { debug: say, info: say, warn: say, error: say, child: () => log }
  const handlers = new Map<string, (event: { readonly payload: unknown }) => void>()
  const calls = { run: 0, disconnect: 0, joins: Promise.withResolvers<void>() }
  calls.joins.resolve()
  const kafkajs = {
    events: { CRASH: 'crash', REBALANCING: 'r', GROUP_JOIN: 'j', FETCH_START: 'f', END_BATCH_PROCESS: 'e' },
    on: (event: string, handler: (event: { readonly payload: unknown }) => void) => void handlers.set(event, handler),
    connect: async () => undefined,
    subscribe: async () => undefined,
    run: async () => {
      calls.run += 1
      await calls.joins.promise
    },
    disconnect: async () => {
      calls.disconnect += 1
    },
  }
  const names = { toBroker: (name: string) => name, fromBroker: (name: string) => name }
  const made: ConsumerConfig[] = []
  const kafka = {
    consumer: (config: ConsumerConfig) => {
      made.push(config)
      return kafkajs as unknown as Consumer
    },
  }
  const consumer = createKafkajsConsumer(kafka as unknown as Kafka, {} as SharedAdmin, names, log, {
    groupId: 'g',
    topics: ['t'],
    onBatch: async () => undefined,
    onJoin: async () => undefined,
    onRebalance() {},
  })
  await consumer.start()
  const crash = (Made: (new (message: string) => Error) | undefined) => {
    if (Made === undefined) throw new Error('kafkajs renamed its errors')
    handlers.get('crash')?.({ payload: { error: new Made('x'), groupId: 'g', restart: false } })
  }
  const startsOver = () => made[0]?.retry?.restartOnFailure?.(new Error('crash'))
  return { consumer, calls, crash, said, startsOver }
}

test('a coordinator that is not there yet is waited for, although kafkajs gives up', async () => {
  const { calls, crash, said } = await setUp()
  crash(KafkaJSGroupCoordinatorNotFound)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(calls.run).toBe(2)
  expect(said).toEqual(['consumer lost its broker; starting over'])
})

test('a consumer that was stopped meanwhile stays stopped', async () => {
  const { consumer, calls, crash } = await setUp()
  crash(KafkaJSGroupCoordinatorNotFound)
  await consumer.stop()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(calls.run).toBe(1)
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
