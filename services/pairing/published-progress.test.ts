import { describe, expect, it } from 'vitest'
import type { Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import { MemoryTransport } from '../platform/kafka/memory-transport.ts'
import { systemClock } from '../platform/lifecycle/clocks.ts'
import { readPublishedProgress } from './published-progress.ts'

const topic = topics.progress.name

function progress(partition: number, through: number, source = 'pairing'): Records['Progress'] {
  const counts = { planned: 0, paired: 0, skipped: 0, lost: 0, tap_drops: 0, late: 0 }
  return { source, exchange_partition: partition, read_through: through, evidence_offsets: { 2: through }, ...counts }
}

const decoder: Parameters<typeof readPublishedProgress>[1] = {
  decode(value) {
    const text = Buffer.from(value).toString()
    if (text === 'garbage') return { kind: 'bad', code: 'NOT_CONFLUENT', reason: '' }
    return { kind: 'record', name: 'Progress', value: JSON.parse(text), schemaId: 1 }
  },
}

async function logOf(values: readonly string[]) {
  const log = new MemoryTransport(systemClock)
  await log.ensureTopics([{ name: topic, partitions: 1, config: {} }])
  const producer = await log.producer()
  await producer.send(values.map((value) => ({ topic, key: null, value: Buffer.from(value) })))
  return log
}

const text = (...arguments_: Parameters<typeof progress>) => JSON.stringify(progress(...arguments_))

describe('the last published progress', () => {
  it('is the furthest of each partition, by pairing alone, whatever else stands there', async () => {
    const log = await logOf([text(0, 10), text(0, 30), text(0, 20), 'garbage', text(0, 99, 'judge:1'), text(1, 5)])
    const found = await readPublishedProgress(log, decoder, [0, 1, 2])
    expect([...found]).toEqual([
      [0, { throughMs: 30, evidenceOffsets: [[2, 30]] }],
      [1, { throughMs: 5, evidenceOffsets: [[2, 5]] }],
    ])
  })

  it('is looked for near the end, and from the beginning only for a partition that is not there', async () => {
    const log = await logOf([text(5, 7), ...Array.from({ length: 21_000 }, (_, index) => text(0, index))])
    expect([...(await readPublishedProgress(log, decoder, [0])).keys()]).toEqual([0])
    expect((await readPublishedProgress(log, decoder, [0, 5])).get(5)?.throughMs).toBe(7)
  })

  it('is nothing on an empty topic', async () => {
    expect((await readPublishedProgress(await logOf([]), decoder, [0])).size).toBe(0)
  })
})
