import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { inPooledMemory } from './encoder-patch.ts'

interface Encoder {
  readonly buffer: Buffer
  buf: Buffer
  offset: number
  writeEncoderArray(parts: readonly Encoder[]): this
  writeInt8(value: number): Encoder
  writeInt32(value: number): Encoder
  writeInt64(value: number): Encoder
  writeVarInt(value: number): Encoder
  writeVarIntBytes(value: Buffer | null): Encoder
  writeString(value: string | null): Encoder
  writeArray(items: readonly Encoder[], type?: 'object'): Encoder
}
type EncoderClass = (new (initialSize?: number) => Encoder) & { nextPowerOfTwo(value: number): number }

const Original = createRequire(import.meta.url)('kafkajs/src/protocol/encoder.js') as EncoderClass
const Pooled = inPooledMemory(Original) as unknown as EncoderClass

const written = fc.array(
  fc.oneof(
    fc.integer({ min: -128, max: 127 }).map((value) => (to: Encoder) => to.writeInt8(value)),
    fc.integer().map((value) => (to: Encoder) => to.writeInt32(value)),
    fc.maxSafeInteger().map((value) => (to: Encoder) => to.writeInt64(value)),
    fc.integer().map((value) => (to: Encoder) => to.writeVarInt(value)),
    fc.uint8Array({ maxLength: 2_000 }).map((value) => (to: Encoder) => to.writeVarIntBytes(Buffer.from(value))),
    fc.constant((to: Encoder) => to.writeVarIntBytes(null)),
    fc.option(fc.string()).map((value) => (to: Encoder) => to.writeString(value)),
  ),
)

it('an encoder in pooled memory writes what the original writes, also one within another', () => {
  fc.assert(
    fc.property(
      written,
      written,
      fc.option(fc.integer({ min: 1, max: 5_000 }), { nil: undefined }),
      (outer, inner, size) => {
        const bytesOf = (Class: EncoderClass) => {
          const write = (steps: typeof outer) => steps.reduce((to, step) => step(to), new Class(size))
          const items = [write(inner), write(inner)]
          return write(outer).writeArray(items).writeArray(items, 'object').buffer
        }
        expect(bytesOf(Pooled).equals(bytesOf(Original))).toBe(true)
      },
    ),
  )
})

it('it takes its memory from a pool', () => {
  const buffers = Array.from({ length: 4 }, () => new Pooled().buf.buffer)
  expect(new Set(buffers).size).toBeLessThan(4)
})
