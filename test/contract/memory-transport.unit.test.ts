import { describe, expect, test } from 'vitest'
import { MemoryTransport } from '../../services/platform/kafka/memory-transport.ts'
import { codeOf, collect, put } from './contract-probes.ts'
import { transportContract } from './transport-contract.ts'

const clock = { nowMs: () => 1_700_000_000_000, monoMs: () => 0 }

transportContract('in memory', () => {
  const transport = new MemoryTransport(clock)
  return { open: () => transport }
})

describe('what only the fake can do', () => {
  const made = async () => {
    const transport = new MemoryTransport(clock)
    await transport.ensureTopics([{ name: 't', partitions: 1, config: {} }])
    return transport
  }
  const readAll = async (transport: MemoryTransport) => {
    const got = collect()
    const reader = await transport.read({ topics: ['t'], startAt: 'beginning', onBatch: got.onBatch })
    await reader.caughtUp
    await reader.stop()
    return got
  }
  const record = { topic: 't', key: 'k', value: Buffer.from('x') }

  test('append time comes from the injected clock', async () => {
    const transport = await made()
    await put(transport, { topic: 't', partition: 0 }, ['a'])
    expect((await readAll(transport)).records[0]?.timestampMs).toBe(1_700_000_000_000)
  })

  test('compaction keeps the last of each key where it stood; retention moves the start', async () => {
    const transport = await made()
    await put(transport, { topic: 't', partition: 0 }, ['a', 'b', 'a', 'c'])
    transport.compact('t')
    expect((await readAll(transport)).records.map(({ key, offset }) => [key, offset])).toEqual([
      ['b', 1],
      ['a', 2],
      ['c', 3],
    ])
    transport.truncateBefore({ topic: 't', partition: 0, offset: 3 })
    expect((await readAll(transport)).values()).toEqual(['c'])
  })

  test('a call told to fail fails once, with or without the work done', async () => {
    const transport = await made()
    const producer = await transport.producer()
    transport.failNext('send', { error: Object.assign(new Error('away'), { code: 'BROKER_AWAY' }) })
    expect(await codeOf(producer.send([record]))).toBe('BROKER_AWAY')
    transport.failNext('send', { error: Object.assign(new Error('lost'), { code: 'BROKER_AWAY' }), done: true })
    expect(await codeOf(producer.send([record]))).toBe('BROKER_AWAY')
    expect((await producer.send([record]))[0]?.offset).toBe(1)
  })

  test('a commit that arrives late carries the generation in which it was asked for', async () => {
    const transport = await made()
    const options = { groupId: 'g', topics: ['t'], onBatch: async () => undefined }
    const member = await transport.consume(options)
    const offsets = [{ topic: 't', partition: 0, offset: 7 }]
    const late = member.commitOf(offsets)
    await (await transport.consume(options)).stop()
    expect(member.assigned()).toEqual([{ topic: 't', partition: 0 }])
    expect(await late()).toBe(false)
    expect(await member.commitOf(offsets)()).toBe(true)
  })

  test('a stalled broker answers nobody until it goes on', async () => {
    const transport = await made()
    const producer = await transport.producer()
    const got = collect()
    const reader = await transport.read({ topics: ['t'], startAt: 'beginning', onBatch: got.onBatch })
    transport.stall()
    let acknowledged = false
    const sent = producer.send([record]).then(() => {
      acknowledged = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect([acknowledged, got.records.length]).toEqual([false, 0])
    transport.unstall()
    await sent
    await new Promise((resolve) => setImmediate(resolve))
    expect(got.records).toHaveLength(1)
    await reader.stop()
  })

  test('what is written while a replica is behind has its place, and is neither acknowledged nor shown before the replica is back', async () => {
    const transport = await made()
    const producer = await transport.producer()
    const got = collect()
    const reader = await transport.read({ topics: ['t'], startAt: 'beginning', onBatch: got.onBatch })
    transport.replicaBehind()
    let acknowledged = false
    const sent = producer.send([record]).then((written) => {
      acknowledged = true
      return written
    })
    await new Promise((resolve) => setImmediate(resolve))
    transport.poll()
    await new Promise((resolve) => setImmediate(resolve))
    const ends = await transport.endOffsets('t')
    expect([acknowledged, got.records.length, ends[0]?.offset]).toEqual([false, 0, 0])
    transport.replicaBack()
    expect(await sent).toMatchObject([{ offset: 0 }])
    await new Promise((resolve) => setImmediate(resolve))
    expect(got.records).toHaveLength(1)
    await reader.stop()
  })

  test('a commit told to fail rejects, and commits nothing', async () => {
    const transport = await made()
    const options = { groupId: 'g', topics: ['t'], onBatch: async () => undefined }
    const consumer = await transport.consume(options)
    transport.failNext('commit', { error: new Error('coordinator away') })
    await expect(consumer.commit([{ topic: 't', partition: 0, offset: 0 }])).rejects.toThrow('coordinator away')
    expect(await consumer.commit([{ topic: 't', partition: 0, offset: 0 }])).toBe(true)
    await consumer.stop()
  })
})
