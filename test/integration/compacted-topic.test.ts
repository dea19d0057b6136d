import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { InRecord, Transport } from '../../services/platform/kafka/transport.ts'
import { silentLog } from '../support/silent-log.ts'
import { testStack } from '../support/stack.ts'

const topic = 'state'
const segmentBytes = 1_048_576
const config = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(segmentBytes),
  'min.cleanable.dirty.ratio': '0.01',
}
/** Two of them are more than a segment: each stands in one of its own, also when they are compacted. */
const padding = 'x'.repeat(segmentBytes * 0.7)

/** Each producer's last batch stays in the log, without records once another has written the same key. */
async function writeOnce(transport: Transport, number: number): Promise<void> {
  const producer = await transport.producer()
  await producer.send([{ topic, key: 'key', value: Buffer.from(`${number} ${padding}`), partition: 0 }])
  await producer.close()
}

async function readAll(transport: Transport): Promise<readonly InRecord[]> {
  const records: InRecord[] = []
  const reader = await transport.read({
    topics: [topic],
    startAt: 'beginning',
    async onBatch(batch) {
      records.push(...batch.records)
    },
  })
  await reader.caughtUp
  await reader.stop()
  return records
}

it('a topic whose beginning compaction has emptied is read to its end', async () => {
  const { brokers } = testStack().kafka
  const transport = createKafkajsTransport({
    clientId: 'compacted',
    brokers,
    topicPrefix: 'compacted.',
    log: silentLog,
  })
  try {
    await transport.ensureTopics([{ name: topic, partitions: 1, config }])
    for (let number = 0; number < 6; number += 1) await writeOnce(transport, number)
    // The broker compacts when it finds time, by default every 15 s. What is still being written to is never compacted.
    let left = await readAll(transport)
    while (left.length > 2) {
      await delay(1_000)
      left = await readAll(transport)
    }
    expect(left.map(({ offset, value }) => [offset, value?.toString('utf8', 0, 2)])).toEqual([
      [4, '4 '],
      [5, '5 '],
    ])
  } finally {
    await transport.close()
  }
}, 120_000)
