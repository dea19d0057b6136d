import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers, testStack } from '../support/stack.ts'

const { kafka } = testServers()

it('a commit is not reported as made while the broker is away', async () => {
  const topicPrefix = `commit-${randomUUID().slice(0, 8)}-`
  const transport = createKafkajsTransport({ clientId: 'commit', brokers: kafka.brokers, topicPrefix, log: silentLog })
  onTestFinished(() => transport.close())
  await transport.ensureTopics([{ name: 'records', partitions: 1, config: {} }])
  // An offset that the log does not hold would be taken back by the client itself.
  const producer = await transport.producer()
  await producer.send(Array.from({ length: 8 }, () => ({ topic: 'records', key: null, value: Buffer.from('x') })))
  const join = () => {
    let assigned: (committed: number | null) => void = () => undefined
    const committed = new Promise<number | null>((resolve) => {
      assigned = resolve
    })
    const consumer = transport.consume({
      groupId: 'readers',
      topics: ['records'],
      onBatch: async () => undefined,
      onAssigned: async ([partition]) => assigned(partition?.committed ?? null),
    })
    return Promise.all([consumer, committed])
  }
  const offset = (value: number) => [{ topic: 'records', partition: 0, offset: value }]
  const [first] = await join()
  await expect.poll(() => first.commit(offset(3)), { timeout: 10_000 }).toBe(true)
  const stack = testStack()
  await stack.kill('kafka')
  const answers = new Set<boolean>()
  // kafkajs takes some seconds to notice, and then starts its consumer over and over.
  for (const endMs = performance.now() + 15_000; performance.now() < endMs; await delay(50))
    answers.add(await first.commit(offset(7)).catch(() => false))
  await stack.start('kafka')
  await first.stop()
  expect([...answers]).toEqual([false])
  const [second, committed] = await join()
  await second.stop()
  expect(committed).toBe(3)
})
