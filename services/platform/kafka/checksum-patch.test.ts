import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { crc32c } from './checksum-patch.ts'

const original = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C/index.js') as typeof crc32c

it.each([
  ['nothing', '', 0],
  ['the digits', Buffer.from('123456789').toString('hex'), 0xe3069283],
  ['32 zeros', '00'.repeat(32), 0x8a9136aa],
  ['32 ones', 'ff'.repeat(32), 0x62a8ab43],
])('the checksum of %s is that of RFC 3720', (_, hex, expected) => {
  expect(crc32c(Buffer.from(hex, 'hex'))).toBe(expected)
})

it('is what kafkajs had, wherever the bytes lie', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (bytes, from) => {
      const piece = Buffer.from(bytes).subarray(from)
      expect(crc32c(piece)).toBe(original(piece))
    }),
  )
})
