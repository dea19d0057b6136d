import avro, { type Type } from 'avsc'
import { PenstockError } from '../../domain/outcome/penstock-error.ts'
import type { Codec, Decoded } from './codec.ts'

/** A value does not fit its schema: a bug of the producer. Names the field. */
class EncodeError extends PenstockError {}

/** Where writer schemas come from when an id is met for the first time; null when nobody knows the id. */
export type SchemaSource = (id: number) => Promise<string | null>

interface Reader {
  readonly name: string
  readonly type: Type
  readonly resolver: ReturnType<Type['createResolver']> | undefined
}

const magicByte = 0
const headerBytes = 5
const unknownIdsMax = 1_000

/**
 * The codec for a closed set of schemas. `ids` are the registered ids of our own texts; `source` is asked, once per id, for the schemas of
 * other writers. Resolvers are built once per writer schema: building them per message costs a hundred times the decoding.
 */
export function createAvroCodec<Records extends object>(
  schemaTexts: Readonly<Record<keyof Records & string, string>>,
  ids: Readonly<Record<keyof Records & string, number>>,
  source: SchemaSource,
): Codec<Records> {
  const types = new Map<string, Type>()
  const readers = new Map<number, Reader>()
  const foreign = new Map<number, Promise<Reader | null>>()
  for (const [name, text] of Object.entries<string>(schemaTexts)) {
    const type = avro.Type.forSchema(JSON.parse(text))
    types.set(name, type)
    readers.set(ids[name as keyof Records & string], { name, type, resolver: undefined })
  }

  const decodeWith = (reader: Reader, value: Buffer, schemaId: number): Decoded<Records> => {
    try {
      const decoded: unknown = reader.type.fromBuffer(value.subarray(headerBytes), reader.resolver)
      return { kind: 'record', name: reader.name, value: decoded, schemaId } as Decoded<Records>
    } catch (error) {
      return bad('UNREADABLE', `${reader.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  const learn = async (id: number): Promise<Reader | null> => {
    const text = await source(id)
    return text === null ? null : readerFor(text, types)
  }

  return {
    encode(name, value) {
      const type = types.get(name)
      if (type === undefined) throw new EncodeError(`no schema for ${name}`, { code: 'UNKNOWN_RECORD' })
      const body = toAvro(type, name, value)
      const header = Buffer.allocUnsafe(headerBytes)
      header.writeUInt8(magicByte, 0)
      header.writeUInt32BE(ids[name], 1)
      return Buffer.concat([header, body])
    },
    decode(value) {
      const buffer = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      if (buffer.length === 0) return bad('EMPTY', 'the value is empty')
      if (buffer.length < headerBytes || buffer[0] !== magicByte)
        return bad('NOT_CONFLUENT', 'the value does not begin with 0x00 and a schema id')
      const id = buffer.readUInt32BE(1)
      const reader = readers.get(id)
      if (reader !== undefined) return decodeWith(reader, buffer, id)
      let learning = foreign.get(id)
      if (learning === undefined) {
        if (foreign.size >= unknownIdsMax)
          return bad('UNKNOWN_SCHEMA', `more than ${unknownIdsMax} foreign schema ids; ${id} is not looked up`)
        learning = learn(id)
        foreign.set(id, learning)
        learning.catch(() => foreign.delete(id))
      }
      return learning.then((learnt) => {
        if (learnt === null) return bad('UNKNOWN_SCHEMA', `no record of ours is registered under schema id ${id}`)
        readers.set(id, learnt)
        return decodeWith(learnt, buffer, id)
      })
    },
  }
}

function toAvro(type: Type, name: string, value: unknown): Buffer {
  let problem: string | null = null
  const valid = type.isValid(value, {
    errorHook: (path, found, expected) => {
      problem ??= `${name}.${path.join('.')}: ${JSON.stringify(found)} is no ${expected.toString()}`
    },
  })
  if (!valid) throw new EncodeError(problem ?? `${name} does not fit its schema`, { code: 'INVALID_RECORD' })
  return type.toBuffer(value)
}

/** The reader for a foreign writer schema: our record of the same name, with a resolver; null when we have none or it cannot be read. */
function readerFor(text: string, types: ReadonlyMap<string, Type>): Reader | null {
  try {
    const writer = avro.Type.forSchema(JSON.parse(text))
    const name = writer.name?.split('.').at(-1) ?? ''
    const type = types.get(name)
    return type === undefined ? null : { name, type, resolver: type.createResolver(writer) }
  } catch {
    return null
  }
}

function bad(
  code: 'EMPTY' | 'NOT_CONFLUENT' | 'UNKNOWN_SCHEMA' | 'UNREADABLE',
  reason: string,
): { kind: 'bad'; code: typeof code; reason: string } {
  return { kind: 'bad', code, reason }
}
