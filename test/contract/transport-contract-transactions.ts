import { expect, test } from 'vitest'
import { type ContractContext, codeOf, collect, eventually } from './contract-probes.ts'

/** Transactions: all or nothing, one owner. */
export function transactionContract({ transport, topic }: ContractContext): void {
  const record = (name: string, partition: number, text: string) => ({
    topic: name,
    partition,
    key: text,
    value: Buffer.from(text),
  })

  test('records and offsets of a transaction are there together, and its markers do not stop anybody', async () => {
    const input = await topic(1)
    const output = await topic(2)
    const groupId = `g-${input}`
    const producer = await transport().transactional(`t-${input}`)
    const written = await producer.commit({
      records: [record(output, 0, 'a'), record(output, 1, 'b')],
      offsets: [{ topic: input, partition: 0, offset: 7 }],
      groupId,
    })
    await producer.commit({ records: [record(output, 0, 'c')], offsets: [], groupId })
    expect(written).toEqual([
      { topic: output, partition: 0, offset: 0 },
      { topic: output, partition: 1, offset: 0 },
    ])
    const got = collect()
    const ends = new Map<number, number>()
    const reader = await transport().read({
      topics: [output],
      startAt: 'beginning',
      onBatch: got.onBatch,
      onCaughtUp: ({ partition }, endOffset) => void ends.set(partition, endOffset),
    })
    await reader.caughtUp
    expect(got.values(0)).toEqual(['a', 'c'])
    expect(got.values(1)).toEqual(['b'])
    // Two records and two markers; one and one.
    await eventually(
      'the ends',
      () => ends.get(0) === 4 && ends.get(1) === 2,
      () => [...ends],
    )
    await reader.stop()
    await producer.close()
    const assigned: (number | null)[] = []
    // Who joins right behind the transaction may be told of before it.
    for (let joins = 0; joins < 10 && assigned.at(-1) !== 7; joins += 1) {
      const consumer = await transport().consume({
        groupId,
        topics: [input],
        onBatch: async () => undefined,
        onAssigned: async (partitions) => void assigned.push(...partitions.map(({ committed }) => committed)),
      })
      await eventually('the committed offset', () => assigned.length > joins)
      await consumer.stop()
    }
    expect(assigned.at(-1)).toBe(7)
    expect(assigned.slice(0, -1).every((committed) => committed === null)).toBe(true)
  })

  test('a second producer with the same id fences the first, whose work is never seen', async () => {
    const name = await topic(1)
    const work = (text: string) => ({ records: [record(name, 0, text)], offsets: [], groupId: `g-${name}` })
    const first = await transport().transactional(`t-${name}`)
    await first.commit(work('of the first'))
    const second = await transport().transactional(`t-${name}`)
    await second.commit(work('of the second'))
    expect(await codeOf(first.commit(work('too late')))).toBe('FENCED')
    await second.commit(work('still mine'))
    const got = collect()
    const reader = await transport().read({ topics: [name], startAt: 'beginning', onBatch: got.onBatch })
    await reader.caughtUp
    await reader.stop()
    expect(got.values()).toEqual(['of the first', 'of the second', 'still mine'])
    await first.close()
    await second.close()
  })

  test('a transaction that cannot be written as a whole writes nothing, and the producer goes on', async () => {
    const name = await topic(1)
    const producer = await transport().transactional(`t-${name}`)
    const large = { ...record(name, 0, 'large'), value: Buffer.alloc(2_000_000) }
    const work = { records: [record(name, 0, 'half'), large], offsets: [], groupId: `g-${name}` }
    expect(await codeOf(producer.commit(work))).toBe('RECORD_TOO_LARGE')
    await producer.commit({ ...work, records: [record(name, 0, 'whole')] })
    const got = collect()
    const reader = await transport().read({ topics: [name], startAt: 'beginning', onBatch: got.onBatch })
    await reader.caughtUp
    await reader.stop()
    expect(got.values()).toEqual(['whole'])
    await producer.close()
  })
}
