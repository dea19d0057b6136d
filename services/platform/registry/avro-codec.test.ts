import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAvroCodec } from './avro-codec.ts'

interface Point {
  readonly name: string
  readonly body: Buffer
  readonly tags: readonly string[]
  readonly notes: Readonly<Record<string, string>>
  readonly kind: string
  readonly weight: number | null
}
interface Records {
  Point: Point
  Other: { readonly name: string }
}

const kinds = (...symbols: readonly string[]) => ({ type: 'enum', name: 'Kind', symbols })
const pointSchema = (kind: object, ...more: readonly object[]) =>
  JSON.stringify({
    type: 'record',
    name: 'Point',
    namespace: 'n',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'body', type: 'bytes' },
      { name: 'tags', type: { type: 'array', items: 'string' } },
      { name: 'notes', type: { type: 'map', values: 'string' } },
      { name: 'kind', type: kind },
      { name: 'weight', type: ['null', 'double'], default: null },
      ...more,
    ],
  })
const texts = {
  Point: pointSchema(kinds('round', 'flat')),
  Other: JSON.stringify({ type: 'record', name: 'Other', namespace: 'n', fields: [{ name: 'name', type: 'string' }] }),
}
const ids = { Point: 1, Other: 2 }
const nobody = async () => null
const codec = createAvroCodec<Records>(texts, ids, nobody)
const point: Point = {
  name: 'a',
  body: Buffer.from('text'),
  tags: ['x', 'y'],
  notes: { k: 'v' },
  kind: 'flat',
  weight: 2.5,
}
const framed = (id: number, body: readonly number[]) => {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, Buffer.from(body)])
}
/** 2^49 items, in zig-zag. */
const veryMany = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]

describe('the codec', () => {
  it('reads what it wrote', () => {
    expect(codec.decode(codec.encode('Point', point))).toMatchObject({ kind: 'record', name: 'Point', value: point })
  })

  it.each([
    ['nothing', Buffer.alloc(0), 'EMPTY'],
    ['no header', Buffer.from('hello'), 'NOT_CONFLUENT'],
    ['an array of more items than memory has', framed(1, [2, 97, 0, ...veryMany]), 'UNREADABLE'],
    ['a map of more entries than memory has', framed(1, [2, 97, 0, 0, ...veryMany]), 'UNREADABLE'],
    ['a block that begins before itself', framed(1, [2, 97, 0, 1, 0xff, 0x7f, 0, 0, 0, 0]), 'UNREADABLE'],
    ['a text that ends behind the end', framed(1, [100, 97]), 'UNREADABLE'],
    ['a text of negative length', framed(1, [3, 97]), 'UNREADABLE'],
    ['a number that does not end', framed(1, Array(40).fill(0xff)), 'UNREADABLE'],
    ['a symbol that nobody has', framed(1, [2, 97, 0, 0, 0, 8, 0]), 'UNREADABLE'],
    ['a branch that nobody has', framed(1, [2, 97, 0, 0, 0, 0, 6]), 'UNREADABLE'],
    ['more bytes than the record', Buffer.concat([codec.encode('Point', point), Buffer.from([0])]), 'UNREADABLE'],
  ])('calls %s bad', (_, value, code) => {
    expect(codec.decode(value)).toMatchObject({ kind: 'bad', code })
  })

  it('bears any bytes at all, and any cut of a record', () => {
    const whole = codec.encode('Point', point)
    for (let length = 5; length < whole.length; length += 1)
      expect(codec.decode(whole.subarray(0, length))).toMatchObject({ kind: 'bad', code: 'UNREADABLE' })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(codec.decode(framed(1, [...bytes]))).toHaveProperty('kind')
      }),
    )
  })

  it('says of a value that does not fit its field, never what it holds', () => {
    const wrong = { ...point, body: 'my secret' as unknown as Buffer }
    expect(() => codec.encode('Point', wrong)).toThrow(/^Point\.body: a string is no "bytes"$/)
  })

  it('asks once for the schema of another writer, and reads its records as ours', async () => {
    let asked = 0
    const reader = createAvroCodec<Records>(texts, ids, async () => {
      asked += 1
      return pointSchema(kinds('round', 'flat'), { name: 'extra', type: 'string', default: '' })
    })
    const writer = createAvroCodec<{ Point: Point & { readonly extra: string } }>(
      { Point: pointSchema(kinds('round', 'flat'), { name: 'extra', type: 'string', default: '' }) },
      { Point: 7 },
      nobody,
    )
    const value = writer.encode('Point', { ...point, extra: 'new' })
    expect(await reader.decode(value)).toMatchObject({ kind: 'record', value: point })
    expect(reader.decode(value)).toMatchObject({ kind: 'record', schemaId: 7 })
    expect(asked).toBe(1)
  })

  it('says why it cannot read a writer that has symbols of its own', async () => {
    const reader = createAvroCodec<Records>(texts, ids, async () => pointSchema(kinds('round', 'flat', 'cubic')))
    expect(await reader.decode(framed(9, [0]))).toMatchObject({
      code: 'UNKNOWN_SCHEMA',
      reason: expect.stringContaining('this version cannot read'),
    })
  })

  it('still learns a new schema after any number of false ids', async () => {
    const reader = createAvroCodec<Records>(texts, ids, async (id) =>
      id === 5_000 ? pointSchema(kinds('round', 'flat')) : null,
    )
    for (let id = 10; id < 2_000; id += 1)
      expect(await reader.decode(framed(id, [0]))).toMatchObject({ code: 'UNKNOWN_SCHEMA' })
    const body = [...codec.encode('Point', point).subarray(5)]
    expect(await reader.decode(framed(5_000, body))).toMatchObject({ kind: 'record', value: point })
  })

  it('projects: builds the named fields only, also from other writers', () => {
    const head = codec.project({ Point: ['name', 'kind'] })
    const decoded = head.decode(codec.encode('Point', point))
    expect(decoded).toMatchObject({ kind: 'record', name: 'Point' })
    expect(Object.keys((decoded as { value: object }).value)).toEqual(['name', 'kind'])
    expect(head.decode(codec.encode('Other', { name: 'b' }))).toMatchObject({ kind: 'bad', code: 'FOREIGN_RECORD' })
    expect(head.decode(framed(1, [2, 97, 0, ...veryMany]))).toMatchObject({ kind: 'bad', code: 'UNREADABLE' })
  })

  it('lends texts of ASCII and bytes where they lie, and any other text as a string', () => {
    const lending = codec.project({ Point: ['name', 'body'] }, { Point: ['name', 'body'] })
    const lentOf = (name: string) => {
      const value = codec.encode('Point', { ...point, name })
      const decoded = lending.decode(value) as { readonly value: { readonly name: unknown; readonly body: Buffer } }
      expect(decoded.value.body.buffer).toBe(value.buffer)
      expect(String(decoded.value.body)).toBe('text')
      return decoded.value.name
    }
    expect(lentOf('plain\0')).toEqual(Buffer.from('plain\0'))
    expect(lentOf('naïve')).toBe('naïve')
    expect(lentOf('\ufeff')).toBe('\ufeff')
    expect(() => codec.project({ Point: ['weight'] }, { Point: ['weight'] })).toThrow(TypeError)
  })
})
