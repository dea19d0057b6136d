import avro from 'avsc'
import { describe, expect, it } from 'vitest'
import { schemaTexts } from '../services/domain/events/schemas.ts'
import { type AvroSchema, incompatibilities } from './schema-compatibility.ts'

const place = { type: 'record', name: 'Place', fields: [{ name: 'run', type: 'string' }] }
const base = {
  type: 'record',
  name: 'Request',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'arm', type: { type: 'enum', name: 'Arm', symbols: ['baseline', 'candidate'] } },
    { name: 'turn', type: 'int', default: 0 },
    { name: 'place', type: ['null', place], default: null },
    { name: 'tags', type: { type: 'map', values: 'long' } },
  ],
}
type Field = Record<string, unknown>
const changed = (edit: (fields: Field[]) => Field[]): AvroSchema =>
  ({ ...base, fields: edit(structuredClone(base.fields) as Field[]) }) as unknown as AvroSchema
const replaced = (name: string, type: unknown) =>
  changed((fields) => fields.map((field) => (field['name'] === name ? { ...field, type } : field)))

const bad: readonly (readonly [what: string, schema: AvroSchema, path: string])[] = [
  [
    'a new field without a default',
    changed((fields) => [...fields, { name: 'region', type: 'string' }]),
    'Request.region',
  ],
  ['another type', replaced('id', 'long'), 'Request.id'],
  ['a narrower number', replaced('tags', { type: 'map', values: 'int' }), 'Request.tags[]'],
  ['a lost symbol', replaced('arm', { type: 'enum', name: 'Arm', symbols: ['baseline'] }), 'Request.arm'],
  ['a branch less', replaced('place', ['null']), 'Request.place'],
  [
    'a new field without a default deep inside',
    replaced('place', ['null', { ...place, fields: [...place.fields, { name: 'wave', type: 'string' }] }]),
    'Request.place.wave',
  ],
]
const good: readonly (readonly [what: string, schema: AvroSchema])[] = [
  ['the same', base as unknown as AvroSchema],
  [
    'a new field with a default',
    changed((fields) => [...fields, { name: 'region', type: ['null', 'string'], default: null }]),
  ],
  ['a field less', changed((fields) => fields.slice(1))],
  ['a wider number', replaced('turn', 'long')],
  ['a type made optional', replaced('id', ['null', 'string'])],
  ['a symbol more', replaced('arm', { type: 'enum', name: 'Arm', symbols: ['baseline', 'candidate', 'third'] })],
]

const resolves = (reader: AvroSchema, writer: AvroSchema): boolean => {
  try {
    avro.Type.forSchema(reader as never).createResolver(avro.Type.forSchema(writer as never))
    return true
  } catch {
    return false
  }
}

describe('reading released data', () => {
  it.each(bad)('refuses %s and names the field', (_, schema, path) => {
    const [problem, ...others] = incompatibilities(schema, base as unknown as AvroSchema)
    expect(problem).toMatchObject({ path })
    expect(problem?.fix).not.toBe('')
    expect(others).toEqual([])
  })

  it.each(good)('allows %s', (_, schema) => {
    expect(incompatibilities(schema, base as unknown as AvroSchema)).toEqual([])
  })

  it('agrees with what the decoder can do', () => {
    for (const [, schema] of bad) expect(resolves(schema, base as unknown as AvroSchema)).toBe(false)
    for (const [, schema] of good) expect(resolves(schema, base as unknown as AvroSchema)).toBe(true)
  })

  it('holds for every record against itself', () => {
    for (const text of Object.values(schemaTexts)) {
      const schema = JSON.parse(text) as AvroSchema
      expect(incompatibilities(schema, schema)).toEqual([])
    }
  })
})
