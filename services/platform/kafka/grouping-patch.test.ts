import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { createPinoLogger } from '../log/pino-logger.ts'
import { groupMessages } from './grouping-patch.ts'
import { createKafkajsClient } from './kafkajs-client.ts'

const silentLog = createPinoLogger({ name: 'grouping', level: 'silent' })
const partitioner = ({ message }: { message: number }) => message % 3

test('messages stand by partition, in their order', () => {
  const messages = [0, 1, 2, 3, 4, 6]
  expect(groupMessages({ topic: 't', partitionMetadata: [1, 2, 3], messages, partitioner })).toEqual({
    0: [0, 3, 6],
    1: [1, 4],
    2: [2],
  })
  expect(groupMessages({ topic: 't', partitionMetadata: [], messages, partitioner })).toEqual({})
})

test('kafkajs sends with it', async () => {
  createKafkajsClient({ clientId: 'test', brokers: 'nowhere:1', log: silentLog })
  const createSendMessages = createRequire(import.meta.url)('kafkajs/src/producer/sendMessages.js') as (
    deps: object,
  ) => (batch: object) => Promise<unknown>
  const cluster = {
    addMultipleTargetTopics: async () => undefined,
    refreshMetadataIfNecessary: async () => undefined,
    findTopicPartitionMetadata: () => [1],
    findLeaderForPartitions: () => ({}),
  }
  const retrier = (act: (bail: () => void, count: number, time: number) => unknown) => act(() => undefined, 0, 0)
  const send = createSendMessages({ logger: silentLog, cluster, partitioner: () => 0, eosManager: {}, retrier })
  // The library's own copies the array at each message: an array that cannot be copied tells them apart.
  const messages = new Proxy([1, 2], {
    get(target, name) {
      if (name === 'reduce') throw new Error('grouped by kafkajs')
      return Reflect.get(target, name) as unknown
    },
  })
  await expect(send({ topicMessages: [{ topic: 't', messages }] })).resolves.toBeDefined()
})
