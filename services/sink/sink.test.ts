import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createRowBinaryWriter } from '../platform/clickhouse/row-binary.ts'
import type { InRecord } from '../platform/kafka/transport.ts'
import { createBatchCutter, type Range } from './batch-cutter.ts'
import { redactorOf } from './start.ts'

const record = (offset: number, bytes = 10): InRecord => ({
  topic: 't',
  partition: 0,
  offset,
  key: null,
  value: Buffer.alloc(bytes),
  headers: {},
  timestampMs: 0,
})
const policy = { recordsMax: 3, bytesMax: 100, waitMaxMs: 1_000 }
const offsets = (range: Range | null) => range?.records.map((entry) => entry.offset) ?? null

describe('cutting ranges', () => {
  it('cuts when full, when heavy and when old', () => {
    const cutter = createBatchCutter(policy, null)
    expect(cutter.cut(0)).toBeNull()
    for (let offset = 0; offset < 5; offset += 1) cutter.add([record(offset)])
    expect(offsets(cutter.cut(0))).toEqual([0, 1, 2])
    expect(cutter.cut(1)).toBeNull()
    expect(offsets(cutter.cut(1_001))).toEqual([3, 4])
    cutter.add([record(5, 200)])
    expect(offsets(cutter.cut(2_000))).toEqual([5])
    expect(cutter.waitingBytes).toBe(0)
  })

  it('cuts an announced range again exactly as it was, also with gaps in the offsets', () => {
    const announced = { start: 3, end: 9, token: 'as announced', attempts: 2 }
    const cutter = createBatchCutter(policy, announced)
    for (const offset of [4, 5, 8]) cutter.add([record(offset)])
    cutter.add([record(9)])
    const range = cutter.cut(0)
    expect(offsets(range)).toEqual([4, 5, 8])
    expect(range).toMatchObject(announced)
    expect(cutter.cut(0)).toBeNull()
    expect(offsets(cutter.cut(1_000))).toEqual([9])
  })

  it('waits for the rest of an announced range', () => {
    const cutter = createBatchCutter(policy, { start: 4, end: 9, token: '', attempts: 1 })
    cutter.add([record(4)])
    expect(cutter.cut(1_000_000)).toBeNull()
  })

  it('takes each offset once, however often it is delivered', () => {
    const cutter = createBatchCutter(policy, null)
    for (const offset of [0, 1, 0, 1, 2, 1]) cutter.add([record(offset)])
    expect(offsets(cutter.cut(0))).toEqual([0, 1, 2])
    cutter.add([record(2)])
    expect(cutter.waitingBytes).toBe(0)
  })

  it('does not take the ranges of a topic that was made anew for those of the old one', () => {
    const tokens = [1_000, 2_000].map((timestampMs) => {
      const cutter = createBatchCutter(policy, null)
      for (let offset = 0; offset < 3; offset += 1) cutter.add([{ ...record(offset), timestampMs }])
      return cutter.cut(0)?.token
    })
    expect(tokens[0]).not.toBe(tokens[1])
  })

  it('keeps bytes of its own', () => {
    const shared = Buffer.from('before')
    const cutter = createBatchCutter(policy, null)
    cutter.add([{ ...record(0), value: shared }])
    shared.fill('x')
    expect(cutter.cut(10_000) ?? cutter.cut(20_000)?.records[0]?.value?.toString()).toBe('before')
  })
})

describe('pseudonyms', () => {
  const key = 'a-key-for-the-hashes'
  const value = 'ada@example.com'
  const prompt = JSON.stringify({ messages: [{ role: 'user', content: `write\n${value}, please` }] })
  /** What stands for the value in a text, as a redactor that was made for this text alone writes it. */
  const markIn = (text: string, hashKey = key) => redactorOf(hashKey)(text).text.match(/<EMAIL_[0-9a-f]{8}>/)?.[0]

  it('are the same in prompt, answer and the arguments of a tool, in every process that has the key', () => {
    const texts = [prompt, `I wrote to ${value}.`, JSON.stringify({ to: value.toUpperCase() })]
    // By another implementation (openssl dgst -sha256 -hmac): rows of one process before this one are found by it, too.
    expect(texts.map((text) => markIn(text))).toEqual(texts.map(() => '<EMAIL_88b705ba>'))
  })

  it('are others under another key, and for another value', () => {
    const marks = [markIn(prompt), markIn(prompt, `${key}2`), markIn('to bob@example.com'), markIn(prompt, '')]
    expect(marks).not.toContain(undefined)
    expect(new Set(marks).size).toBe(4)
  })

  it('cannot be made from the value by somebody who has not the key', () => {
    const guesses = [value, `EMAIL${value}`, `EMAIL\u001f${value}`, `${value}\u001fEMAIL`].flatMap((guess) =>
      ['sha256', 'sha1', 'md5'].map((name) => createHash(name).update(guess).digest('hex').slice(0, 8)),
    )
    expect(markIn(prompt)).toBeDefined()
    expect(guesses.map((guess) => `<EMAIL_${guess}>`)).not.toContain(markIn(prompt))
  })
})

it('writes RowBinary as the format says', () => {
  const writer = createRowBinaryWriter()
  writer
    .string('é')
    .uint8(1)
    .uint16(2)
    .uint32(3)
    .uint64(4)
    .bool(true)
    .nullable(null, writer.uint8)
    .nullable(5, writer.uint8)
  writer.array(['a'], writer.string).map({ k: 1 }, writer.uint8).dateTime64(-1)
  expect([...writer.bytes()]).toEqual([
    2, 0xc3, 0xa9, 1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 5, 1, 1, 97, 1, 1, 107, 1, 255, 255, 255, 255,
    255, 255, 255, 255,
  ])
  const numbers = createRowBinaryWriter()
  for (const value of [2 ** 32 + 7, Number.MAX_SAFE_INTEGER, 2 ** 60]) numbers.uint64(value).int64(value).int64(-value)
  const at = (index: number) => numbers.bytes().readBigInt64LE(8 * index)
  expect([0, 1, 2, 3, 6].map(at)).toEqual([4294967303n, 4294967303n, -4294967303n, 2n ** 53n - 1n, 2n ** 60n])
  for (const value of [-1, 1.5, 2 ** 64, Number.NaN]) expect(() => numbers.uint64(value)).toThrow(RangeError)
  for (const text of ['x'.repeat(40), 'x'.repeat(41), `${'x'.repeat(39)}é`, 'é'.repeat(100), '']) {
    const short = createRowBinaryWriter(1)
    short.string('before').string(text)
    const length = Buffer.byteLength(text)
    const prefix = length > 127 ? [(length % 128) | 128, length >> 7] : [length]
    expect([...short.bytes()].slice(7)).toEqual([...prefix, ...Buffer.from(text)])
  }
  const large = createRowBinaryWriter()
  for (let i = 0; i < 1_000; i += 1) large.string('x'.repeat(300))
  expect(large.length).toBe(1_000 * 302)
})
