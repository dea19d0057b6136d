import { expect, test, vi } from 'vitest'
import { createKafkajsFake } from './kafkajs-fake.ts'
import { startKafkajsGroup } from './kafkajs-group.ts'
import type { SharedAdmin } from './shared-admin.ts'

/** A member of a group whose coordinator says what the test says. */
async function setUp() {
  const { kafka, names, log, calls, paused, deliver, emit } = createKafkajsFake()
  const told: string[] = []
  const offsets = { committed: '43', silent: 0 }
  const takeover = { done: Promise.resolve() }
  const answer = {
    async fetchOffsets() {
      offsets.silent -= 1
      return [{ topic: 't', partitions: offsets.silent >= 0 ? [] : [{ partition: 0, offset: offsets.committed }] }]
    },
  }
  const admin = { ask: (_: string, act: (client: typeof answer) => unknown) => act(answer) }
  const consumer = await startKafkajsGroup(kafka, admin as unknown as SharedAdmin, names, log, {
    groupId: 'g',
    topics: ['t'],
    onBatch: async () => undefined,
    async onAssigned(partitions) {
      told.push(`assigned at ${partitions[0]?.committed}`)
      await takeover.done
    },
    onRevoked: () => void told.push('revoked'),
  })
  const join = async (memberId: string, partitions: readonly number[] = [0]) => {
    emit('rebalancing', {})
    emit('join', { memberId, memberAssignment: { t: partitions } })
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { consumer, calls, paused, deliver, emit, told, offsets, takeover, join }
}

test('a partition that stays with the same member stays as it is', async () => {
  const { told, join } = await setUp()
  await join('a')
  await join('a')
  expect(told).toEqual(['assigned at 43'])
})

test('a first join that gains nothing is told: then nothing has to be waited for', async () => {
  const { told, join } = await setUp()
  await join('a', [])
  await join('a', [])
  expect(told).toEqual(['assigned at undefined'])
})

test('a member that the coordinator had given up learns that its partitions were somebody else’s meanwhile, although it gets them back', async () => {
  const { told, offsets, join } = await setUp()
  await join('a')
  offsets.committed = '149'
  await join('b')
  expect(told).toEqual(['assigned at 43', 'revoked', 'assigned at 149'])
})

test('a partition that is gained is not paused, although this member had paused it before it lost it', async () => {
  const { consumer, paused, join } = await setUp()
  await join('a')
  consumer.pause([{ topic: 't', partition: 0 }])
  await join('a')
  expect([...paused], 'retained').toEqual(['t/0'])
  await join('b')
  expect([...paused], 'lost and gained').toEqual([])
})

test('a join in the middle of taking partitions over delivers nothing before that is done', async () => {
  const { deliver, takeover, join } = await setUp()
  const taken = Promise.withResolvers<void>()
  takeover.done = taken.promise
  await join('a')
  await join('a')
  let isDelivered = false
  const delivered = deliver('t', async () => undefined).then(() => {
    isDelivered = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(isDelivered).toBe(false)
  taken.resolve()
  await delivered
})

test('a commit that was made in a former membership is not taken for one of the present', async () => {
  const { consumer, calls, emit, join } = await setUp()
  await join('a')
  const committing = consumer.commit([{ topic: 't', partition: 0, offset: 48 }])
  await join('b')
  // kafkajs has tried again after a lost connection, by then as another member.
  emit('commit', { topics: [{ topic: 't', partitions: [{ partition: '0', offset: '48' }] }] })
  calls.answer.resolve()
  expect(await committing).toBe(false)
})

test('an answer that leaves the partition out does not mean that nothing was committed: it is asked for again', async () => {
  const { told, offsets, join } = await setUp()
  offsets.silent = 1
  await join('a')
  expect(told).toEqual([])
  await vi.waitFor(() => expect(told).toEqual(['assigned at 43']))
})
