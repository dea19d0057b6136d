import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { createPinoLogger } from '../log/pino-logger.ts'
import { createKafkajsClient } from './kafkajs-client.ts'

const require = createRequire(import.meta.url)
createKafkajsClient({
  clientId: 'test',
  brokers: 'nowhere:1',
  log: createPinoLogger({ name: 'test', level: 'silent' }),
})
const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as (
  from: object,
) => Promise<readonly { readonly offset: string; readonly isControlRecord: boolean }[]>
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => object
const Batch = require('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  offset: string,
  data: object,
) => { readonly messages: readonly unknown[]; isEmptyDueToFiltering(): boolean; lastOffset(): string }

/** A batch as compaction leaves it: offsets `first` to `last`, of which those in `kept` still have their record. */
function compacted(first: number, last: number, kept: readonly number[] = []): Buffer {
  const records = kept.map((offset) => {
    // attributes, timestamp delta, offset delta, key "k", value "v", no headers; numbers in zig-zag
    const body = Buffer.from([0, 0, (offset - first) * 2, 2, 0x6b, 2, 0x76, 0])
    return Buffer.concat([Buffer.from([body.length * 2]), body])
  })
  const header = Buffer.alloc(61)
  const bytes = Buffer.concat([header, ...records])
  bytes.writeBigInt64BE(BigInt(first), 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt8(2, 16)
  bytes.writeInt32BE(last - first, 23)
  bytes.writeInt32BE(kept.length, 57)
  return bytes
}

async function fetched(offset: number, ...batches: readonly Buffer[]) {
  const bytes = Buffer.concat(batches)
  const size = Buffer.alloc(4)
  size.writeInt32BE(bytes.length)
  const messages = await decodeMessages(new Decoder(Buffer.concat([size, bytes])))
  return new Batch('t', String(offset), { partition: 0, highWatermark: '1000', abortedTransactions: [], messages })
}

test('a fetch of nothing but emptied batches is behind its reader', async () => {
  const batch = await fetched(0, compacted(72, 73), compacted(123, 124))
  expect([batch.messages.length, batch.isEmptyDueToFiltering(), batch.lastOffset()]).toEqual([0, true, '124'])
})

test('records that are left are read, and what was removed behind them is behind the reader', async () => {
  const batch = await fetched(0, compacted(5, 9, [5, 7]), compacted(20, 21), compacted(30, 31, [31]))
  expect(batch.messages).toMatchObject([{ offset: '5' }, { offset: '7' }, { offset: '31' }])
  expect((await fetched(0, compacted(5, 9, [5, 7]))).lastOffset()).toBe('9')
  expect(batch.lastOffset()).toBe('31')
})

test('a fetch without any batch is still an empty one', async () => {
  const batch = await fetched(7)
  expect([batch.messages.length, batch.isEmptyDueToFiltering()]).toEqual([0, false])
})
