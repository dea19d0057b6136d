import { expect, test } from 'vitest'
import { type ContractContext, codeOf, collect, eventually, pause, put } from './contract-probes.ts'

/** Producing, reading, topics. */
export function logContract({ transport, topic }: ContractContext): void {
  test('records come back as they were written, in order per partition, where the producer said', async () => {
    const name = await topic(3)
    const producer = await transport().producer()
    const sent = Array.from({ length: 60 }, (_, index) => ({
      topic: name,
      key: `key-${index % 7}`,
      value: Buffer.from(`value-${index}`),
      headers: { ce_id: String(index), text: 'grün' },
    }))
    const written = await producer.send(sent)
    await producer.close()
    const got = collect()
    const reader = await transport().read({ topics: [name], startAt: 'beginning', onBatch: got.onBatch })
    await reader.caughtUp
    await reader.stop()
    expect(got.records).toHaveLength(60)
    for (const [index, at] of written.entries()) {
      const record = got.records.find(({ partition, offset }) => partition === at.partition && offset === at.offset)
      expect(record?.value?.toString()).toBe(`value-${index}`)
      expect(record?.key).toBe(`key-${index % 7}`)
      expect(record?.headers).toEqual({ ce_id: String(index), text: 'grün' })
      expect(record?.timestampMs).toBeGreaterThan(0)
    }
    for (const partition of [0, 1, 2]) {
      const offsets = got.records.filter((record) => record.partition === partition).map(({ offset }) => offset)
      expect(offsets).toEqual(offsets.map((_, index) => index))
    }
    expect(new Set(written.map(({ partition }) => partition)).size).toBeGreaterThan(1)
  })

  test('one key stays on one partition; a given partition is obeyed; a key may be missing', async () => {
    const name = await topic(4)
    const producer = await transport().producer()
    const one = await producer.send([{ topic: name, key: 'k', value: null }])
    const two = await producer.send([{ topic: name, key: 'k', value: null }])
    const three = await producer.send([{ topic: name, key: null, value: Buffer.from('x'), partition: 3 }])
    await producer.close()
    expect(two[0]?.partition).toBe(one[0]?.partition)
    expect(two[0]?.offset).toBe((one[0]?.offset ?? 0) + 1)
    expect(three).toEqual([{ topic: name, partition: 3, offset: 0 }])
    const got = collect()
    const reader = await transport().read({ topics: [name], startAt: 'beginning', onBatch: got.onBatch })
    await reader.caughtUp
    await reader.stop()
    expect(got.records.find(({ partition }) => partition === 3)?.key).toBeNull()
    expect(got.values().filter((value) => value === 'tombstone')).toHaveLength(2)
  })

  test('calls that overlap keep their order and get their own offsets', async () => {
    const name = await topic(1)
    const producer = await transport().producer()
    const calls = Array.from({ length: 40 }, (_, index) =>
      producer.send([{ topic: name, key: 'k', value: Buffer.from(String(index)) }]),
    )
    const written = await Promise.all(calls)
    await producer.close()
    expect(written.map((at) => at[0]?.offset)).toEqual(Array.from({ length: 40 }, (_, index) => index))
  })

  test('a call of several megabytes for one partition is split; a single record above the limit is refused alone', async () => {
    const name = await topic(1)
    const producer = await transport().producer()
    const text = Buffer.alloc(300_000, 'x')
    const written = await producer.send(Array.from({ length: 10 }, () => ({ topic: name, key: 'k', value: text })))
    expect(written.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    const large = { topic: name, key: 'k', value: Buffer.alloc(1_000_000) }
    const small = { topic: name, key: 'k', value: Buffer.from('small') }
    expect(await codeOf(producer.send([small, large]))).toBe('RECORD_TOO_LARGE')
    expect((await producer.send([small]))[0]?.offset).toBe(10)
    await producer.close()
    expect(await codeOf(producer.send([small]))).toBe('CLOSED')
  })

  test('batches are bounded in bytes', async () => {
    const name = await topic(1)
    const producer = await transport().producer({ maxBatchBytes: 40_000 })
    await producer.send(Array.from({ length: 60 }, () => ({ topic: name, key: 'k', value: Buffer.alloc(10_000, 'x') })))
    await producer.close()
    const got = collect()
    const reader = await transport().read({
      topics: [name],
      startAt: 'beginning',
      onBatch: got.onBatch,
      maxBatchBytesPerPartition: 100_000,
    })
    await reader.caughtUp
    await reader.stop()
    expect(got.records).toHaveLength(60)
    for (const { records } of got.batches) expect(records.length).toBeLessThanOrEqual(10)
    expect(got.batches.every(({ endOffset }) => endOffset === 60)).toBe(true)
  })

  test('a reader starts at the beginning, at the end, or at given offsets, and goes on with what is new', async () => {
    const name = await topic(2)
    await put(transport(), { topic: name, partition: 0 }, ['a0', 'a1', 'a2'])
    await put(transport(), { topic: name, partition: 1 }, ['b0', 'b1'])
    const fromStart = collect()
    const fromEnd = collect()
    const fromOffsets = collect()
    const starts = [
      ['beginning', fromStart],
      ['end', fromEnd],
      [[{ topic: name, partition: 0, offset: 2 }], fromOffsets],
    ] as const
    const readers = await Promise.all(
      starts.map(([startAt, { onBatch }]) => transport().read({ topics: [name], startAt, onBatch })),
    )
    await Promise.all(readers.map((reader) => reader.caughtUp))
    expect(fromStart.values(0)).toEqual(['a0', 'a1', 'a2'])
    expect(fromStart.values(1)).toEqual(['b0', 'b1'])
    expect(fromEnd.values()).toEqual([])
    expect(fromOffsets.values(0)).toEqual(['a2'])
    expect(fromOffsets.values(1)).toEqual(['b0', 'b1'])
    await put(transport(), { topic: name, partition: 0 }, ['a3'])
    for (const got of [fromStart, fromEnd, fromOffsets])
      await eventually('the new record', () => got.values(0).at(-1) === 'a3', got.values)
    expect(fromEnd.values()).toEqual(['a3'])
    await Promise.all(readers.map((reader) => reader.stop()))
  })

  test('caught up on an empty topic at once, and told about again while nothing comes', async () => {
    const name = await topic(2)
    const ends: string[] = []
    const reader = await transport().read({
      topics: [name],
      startAt: 'beginning',
      onBatch: async () => undefined,
      onCaughtUp: ({ partition }, endOffset) => ends.push(`${partition}:${endOffset}`),
    })
    await reader.caughtUp
    await eventually(
      'both partitions',
      () => ends.includes('0:0') && ends.includes('1:0'),
      () => ends,
    )
    await reader.stop()
  })

  test('nobody is told that a partition is read to its end before its last record was handled', async () => {
    const name = await topic(1)
    await put(transport(), { topic: name, partition: 0 }, ['a', 'b', 'c'])
    let handled = 0
    let toldTooEarly = false
    let caughtUp = false
    const reader = await transport().read({
      topics: [name],
      startAt: 'beginning',
      async onBatch({ records }) {
        await pause(700)
        handled += records.length
      },
      onCaughtUp(_at, endOffset) {
        if (handled < endOffset) toldTooEarly = true
      },
    })
    void reader.caughtUp.then(() => {
      caughtUp = true
      if (handled < 3) toldTooEarly = true
    })
    await eventually('caught up', () => caughtUp)
    await reader.stop()
    expect(toldTooEarly).toBe(false)
  })

  test('a handler that fails ends the reader with its cause, and nothing more is delivered', async () => {
    const name = await topic(1)
    await put(transport(), { topic: name, partition: 0 }, ['a'])
    let calls = 0
    const reader = await transport().read({
      topics: [name],
      startAt: 'beginning',
      async onBatch() {
        calls += 1
        throw new Error('broken handler')
      },
    })
    await expect(reader.crashed).rejects.toThrow('broken handler')
    await put(transport(), { topic: name, partition: 0 }, ['b'])
    await pause(500)
    expect(calls).toBe(1)
    await reader.stop()
  })

  test('topics are created once; one that differs is named; a missing one is an error that may pass', async () => {
    const config = { 'message.timestamp.type': 'LogAppendTime' }
    const name = await topic(2, config)
    const spec = { name, partitions: 2, config }
    expect(await transport().ensureTopics([spec])).toEqual({ created: [], differing: [] })
    const other = { 'message.timestamp.type': 'CreateTime' }
    expect(await transport().ensureTopics([{ ...spec, config: other }])).toEqual({ created: [], differing: [name] })
    expect(await transport().ensureTopics([{ ...spec, partitions: 3 }])).toEqual({ created: [], differing: [name] })
    expect(await transport().partitionCount(name)).toBe(2)
    await put(transport(), { topic: name, partition: 1 }, ['x'])
    expect(await transport().endOffsets(name)).toEqual(
      expect.arrayContaining([
        { topic: name, partition: 0, offset: 0 },
        { topic: name, partition: 1, offset: 1 },
      ]),
    )
    const producer = await transport().producer()
    expect(await codeOf(producer.send([{ topic: `${name}-missing`, key: 'k', value: null }]))).toBe('UNKNOWN_TOPIC')
    await producer.close()
  })
}
