import type { Admin, Kafka } from 'kafkajs'
import { expect, it } from 'vitest'
import { createSharedAdmin } from './shared-admin.ts'
import { topicEnds } from './topic-ends.ts'

/** Answers as kafkajs does while the broker knows no partition of a topic, so many times; then as usual. */
function brokerThatComesBack(unknownFor: number) {
  let asked = 0
  const client = {
    connect: async () => undefined,
    disconnect: async () => undefined,
    async fetchTopicOffsets() {
      asked += 1
      const answers = asked > unknownFor ? [{ partitions: [{ partition: 0, low: '3', high: '12', offset: '12' }] }] : []
      // As kafkajs does, whether there is one or not.
      return (answers.pop() as { readonly partitions: unknown }).partitions
    },
  } as unknown as Admin
  return { admin: createSharedAdmin({ admin: () => client } as unknown as Kafka), asked: () => asked }
}

it('ends that the broker cannot tell yet are asked for again', async () => {
  const { admin, asked } = brokerThatComesBack(2)
  expect(await admin.ask('asking for ends', (client) => topicEnds(client, 't'))).toEqual([
    { partition: 0, low: 3, high: 12 },
  ])
  expect(asked()).toBe(3)
})

it('a broker that never tells them is away, and no call was wrong', async () => {
  const { admin } = brokerThatComesBack(Number.POSITIVE_INFINITY)
  await expect(admin.ask('asking for ends', (client) => topicEnds(client, 't'))).rejects.toMatchObject({
    code: 'BROKER_AWAY',
    retriable: true,
    message: expect.stringContaining('partitions of t are not known'),
  })
})
