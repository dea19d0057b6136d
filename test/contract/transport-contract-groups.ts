import { expect, test } from 'vitest'
import type { GroupConsumerOptions, TopicPartition } from '../../services/platform/kafka/transport.ts'
import { type ContractContext, collect, eventually, pause, put } from './contract-probes.ts'

/** Consumer groups: commits, rebalances, fences. */
export function groupContract({ transport, topic }: ContractContext): void {
  test('a group goes on at its committed offset, with the metadata beside it; what lies above it is delivered again', async () => {
    const name = await topic(1)
    await put(transport(), { topic: name, partition: 0 }, ['0', '1', '2', '3', '4'])
    const first = collect()
    const assignedFirst: unknown[] = []
    const options = { groupId: `g-${name}`, topics: [name] }
    const one = await transport().consume({
      ...options,
      onBatch: first.onBatch,
      onAssigned: async (partitions) => void assignedFirst.push(...partitions),
    })
    await eventually('all five', () => first.records.length === 5, first.values)
    expect(assignedFirst).toEqual([{ topic: name, partition: 0, committed: null, metadata: '' }])
    expect(await one.commit([{ topic: name, partition: 0, offset: 2, metadata: 'intent-7' }])).toBe(true)
    await one.stop()
    const second = collect()
    const assignedSecond: unknown[] = []
    const two = await transport().consume({
      ...options,
      onBatch: second.onBatch,
      onAssigned: async (partitions) => void assignedSecond.push(...partitions),
    })
    await eventually('the last three', () => second.records.length === 3, second.values)
    expect(second.values()).toEqual(['2', '3', '4'])
    expect(assignedSecond).toEqual([{ topic: name, partition: 0, committed: 2, metadata: 'intent-7' }])
    await two.stop()
  })

  test('nothing is delivered before onAssigned has resolved', async () => {
    const name = await topic(2)
    await put(transport(), { topic: name, partition: 0 }, ['a'])
    const events: string[] = []
    const consumer = await transport().consume({
      groupId: `g-${name}`,
      topics: [name],
      async onAssigned() {
        await pause(800)
        events.push('assigned')
      },
      onBatch: async () => void events.push('batch'),
      onCaughtUp: () => void events.push('caught up'),
    })
    await eventually('the record and the ends', () => events.includes('batch') && events.includes('caught up'))
    expect(events[0]).toBe('assigned')
    await consumer.stop()
  })

  test('a member for which there is no partition is told so', async () => {
    const name = await topic(1)
    const told: number[][] = [[], []]
    const options = { groupId: `g-${name}`, topics: [name], onBatch: async () => undefined }
    const members = told.map((of) =>
      transport().consume({ ...options, onAssigned: async (partitions) => void of.push(partitions.length) }),
    )
    // Whoever joins later may get the one that the first has had.
    await eventually(
      'a word to each',
      () => told.every(({ length }) => length > 0),
      () => told,
    )
    for (const member of members) await (await member).stop()
  })

  test('a consumer is told that an empty partition is read to its end', async () => {
    const name = await topic(1)
    const ends: number[] = []
    const consumer = await transport().consume({
      groupId: `g-${name}`,
      topics: [name],
      onBatch: async () => undefined,
      onCaughtUp: (_at, endOffset) => void ends.push(endOffset),
    })
    await eventually('the end', () => ends.length > 0)
    expect(ends[0]).toBe(0)
    await consumer.stop()
  })

  test('a paused partition waits, the others go on; resumed it loses nothing', async () => {
    const name = await topic(2)
    const got = collect()
    const consumer = await transport().consume({ groupId: `g-${name}`, topics: [name], onBatch: got.onBatch })
    await eventually('both partitions', () => consumer.assigned().length === 2)
    consumer.pause([{ topic: name, partition: 0 }])
    await put(transport(), { topic: name, partition: 0 }, ['a'])
    await put(transport(), { topic: name, partition: 1 }, ['b'])
    await eventually('the other partition', () => got.values(1).length === 1, got.values)
    await pause(500)
    expect(got.values(0)).toEqual([])
    consumer.resume([{ topic: name, partition: 0 }])
    await eventually('the paused one', () => got.values(0).length === 1, got.values)
    await consumer.stop()
  })

  test('a second member takes its share: nothing is lost, kept partitions are not replayed, late commits are refused', async () => {
    const name = await topic(4)
    const put4 = async (text: string) => {
      for (const partition of [0, 1, 2, 3]) await put(transport(), { topic: name, partition }, [`${text}${partition}`])
    }
    await put4('x')
    const first = collect()
    const second = collect()
    const revoked: TopicPartition[] = []
    const options = (onBatch: GroupConsumerOptions['onBatch']) => ({ groupId: `g-${name}`, topics: [name], onBatch })
    const one = await transport().consume({
      ...options(first.onBatch),
      onRevoked: (partitions) => void revoked.push(...partitions),
    })
    await eventually('all of the first', () => first.records.length === 4, first.values)
    // Nothing is committed, so whoever gains a partition starts it over, and whoever keeps one must not.
    const two = await transport().consume(options(second.onBatch))
    await eventually('an even share', () => one.assigned().length === 2 && two.assigned().length === 2)
    expect(revoked).toHaveLength(2)
    const lost = revoked[0] as TopicPartition
    const kept = one.assigned()[0] as TopicPartition
    expect(await one.commit([{ ...lost, offset: 1 }])).toBe(false)
    expect(await one.commit([{ ...kept, offset: 1 }])).toBe(true)
    await put4('y')
    const all = () => [...first.values(), ...second.values()]
    await eventually('the second round', () => all().filter((text) => text.startsWith('y')).length === 4, all)
    for (const { partition } of one.assigned())
      expect(first.values(partition)).toEqual([`x${partition}`, `y${partition}`])
    for (const { partition } of two.assigned())
      expect(second.values(partition)).toEqual([`x${partition}`, `y${partition}`])
    await two.stop()
    await eventually('everything back', () => one.assigned().length === 4)
    await put4('z')
    await eventually('the third round', () => first.values().filter((text) => text.startsWith('z')).length === 4, all)
    await one.stop()
  })

  test('a handler that fails ends the consumer with its cause', async () => {
    const name = await topic(1)
    await put(transport(), { topic: name, partition: 0 }, ['a'])
    const consumer = await transport().consume({
      groupId: `g-${name}`,
      topics: [name],
      onBatch: () => Promise.reject(new Error('broken handler')),
    })
    await expect(consumer.crashed).rejects.toThrow('broken handler')
    await consumer.stop()
  })

  test('an onAssigned that fails ends the consumer before anything is delivered', async () => {
    const name = await topic(1)
    await put(transport(), { topic: name, partition: 0 }, ['a'])
    const got = collect()
    const consumer = await transport().consume({
      groupId: `g-${name}`,
      topics: [name],
      onBatch: got.onBatch,
      onAssigned: () => Promise.reject(new Error('cannot restore')),
    })
    await expect(consumer.crashed).rejects.toThrow('cannot restore')
    await pause(300)
    expect(got.records).toEqual([])
    await consumer.stop()
  })
}
