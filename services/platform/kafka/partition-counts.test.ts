import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { partitionOf } from './partition-counts.ts'

const kafkajsMurmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2.js') as (
  key: Buffer,
) => number
/** Modulo this the whole hash is seen. */
const all = 0x80000000

describe('the partition of a key', () => {
  // From the tests of Kafka's own clients, where they are signed.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is that of Java clients: %s', (key, signed) => {
    expect(partitionOf(key, all)).toBe(signed & 0x7fffffff)
    expect(partitionOf(key, 6)).toBe((signed & 0x7fffffff) % 6)
  })

  it('is that of kafkajs for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (key) => {
        expect(partitionOf(key, all)).toBe(kafkajsMurmur2(Buffer.from(key)) & 0x7fffffff)
      }),
    )
  })
})
