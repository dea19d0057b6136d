import avro, { type Type } from 'avsc'
import { PenstockError } from '../../domain/outcome/penstock-error.ts'
import { boundsCheck } from './avro-bounds.ts'
import { lentType } from './avro-lent.ts'
import { createSlab, headerBytes, magicByte } from './avro-slab.ts'
import type { BadRecordCode, Decoded, Decoder, ProjectingCodec } from './codec.ts'

/** A value does not fit its schema: a bug of the producer. Names the field. */
class EncodeError extends PenstockError {}

/** Where writer schemas come from when an id is met for the first time; null when nobody knows the id. */
export type SchemaSource = (id: number) => Promise<string | null>

/** Reads one writer's records as ours. Built once per writer schema: building a resolver per message costs a hundred times the decoding. */
interface Reader {
  readonly name: string
  readonly check: (body: Buffer) => void
  readonly type: Type
  readonly resolver: ReturnType<Type['createResolver']> | undefined
}

/** A writer's schema, or why it cannot be used. */
type Writer = { readonly name: string; readonly type: Type } | { readonly problem: string }

/** Ids that nobody knows, remembered so that each is asked for once. */
const unknownIdsMax = 1_000

/**
 * The codec for a closed set of schemas. `ids` are the registered ids of our own texts; `source` is asked, once per id, for the schemas of
 * other writers.
 */
export function createAvroCodec<Records extends object>(
  schemaTexts: Readonly<Record<keyof Records & string, string>>,
  ids: Readonly<Record<keyof Records & string, number>>,
  source: SchemaSource,
): ProjectingCodec<Records> {
  const types = new Map<string, Type>()
  const own = new Map<number, Writer>()
  for (const [name, text] of Object.entries<string>(schemaTexts)) {
    const type = avro.Type.forSchema(JSON.parse(text))
    types.set(name, type)
    own.set(ids[name as keyof Records & string], { name, type })
  }
  const writers = createWriters(own, source)
  const slab = createSlab()
  return {
    encode(name, value) {
      const type = types.get(name)
      if (type === undefined) throw new EncodeError(`no schema for ${name}`, { code: 'UNKNOWN_RECORD' })
      refuseInvalid(type, name, value)
      return slab.write(type, ids[name], value)
    },
    decode: createDecoder<Records>(types, writers).decode,
    project: (fields, lent) => {
      const projected = Object.entries<readonly PropertyKey[] | undefined>(fields).map(([name, kept]) => {
        const of = name as keyof Records & string
        return [name, projectedType(schemaTexts[of], kept ?? [], lent?.[of] ?? [])] as const
      })
      return createDecoder(new Map(projected), writers)
    },
  }
}

function projectedType(text: string, kept: readonly PropertyKey[], lent: readonly PropertyKey[]): Type {
  const schema = JSON.parse(text) as { readonly fields: readonly { readonly name: string; readonly type: unknown }[] }
  const fields = schema.fields
    .filter(({ name }) => kept.includes(name))
    .map((field) => (lent.includes(field.name) ? { ...field, type: lentType(field.type) } : field))
  return avro.Type.forSchema({ ...schema, fields } as never)
}

interface Writers {
  /** The value that was found to be whole last: who reads a head first and then all of it has it checked once. */
  checked: Buffer | null
  /** A promise only the first time an id is met. @throws what `source` throws */
  of(id: number): Writer | Promise<Writer>
}

function createWriters(own: ReadonlyMap<number, Writer>, source: SchemaSource): Writers {
  const known = new Map(own)
  const unknown = new Map<number, Writer>()
  const asking = new Map<number, Promise<Writer>>()
  const learn = async (id: number): Promise<Writer> => {
    const text = await source(id)
    if (text === null) {
      // Garbage that looks like an id must not keep a new writer's schema out: the oldest is forgotten.
      const oldest = unknown.size >= unknownIdsMax ? unknown.keys().next().value : undefined
      if (oldest !== undefined) unknown.delete(oldest)
      const writer = { problem: `nobody knows schema id ${id}` }
      unknown.set(id, writer)
      return writer
    }
    const writer = writerOf(text, id)
    known.set(id, writer)
    return writer
  }
  return {
    checked: null,
    of(id) {
      const writer = known.get(id) ?? unknown.get(id)
      if (writer !== undefined) return writer
      const answer = asking.get(id) ?? learn(id).finally(() => asking.delete(id))
      asking.set(id, answer)
      return answer
    },
  }
}

function writerOf(text: string, id: number): Writer {
  try {
    const type = avro.Type.forSchema(JSON.parse(text))
    return { name: type.name?.split('.').at(-1) ?? '', type }
  } catch (error) {
    return { problem: `schema ${id} cannot be read: ${messageOf(error)}` }
  }
}

function createDecoder<Records extends object>(types: ReadonlyMap<string, Type>, writers: Writers): Decoder<Records> {
  const readers = new Map<Writer, Reader | Decoded<Records>>()
  const readerFor = (writer: Writer): Reader | Decoded<Records> => {
    if ('problem' in writer) return bad('UNKNOWN_SCHEMA', writer.problem)
    const { name } = writer
    const type = types.get(name)
    if (type === undefined) return bad('FOREIGN_RECORD', `${name} is no record of this reader`)
    try {
      const resolver = type === writer.type ? undefined : type.createResolver(writer.type)
      return { name, check: boundsCheck(writer.type), type, resolver }
    } catch (error) {
      return bad(
        'UNKNOWN_SCHEMA',
        `${name} was written with a schema that this version cannot read: ${messageOf(error)}`,
      )
    }
  }
  const decodeWith = (writer: Writer, value: Buffer, schemaId: number): Decoded<Records> => {
    const reader = readers.get(writer) ?? readerFor(writer)
    if (!('problem' in writer)) readers.set(writer, reader)
    if ('kind' in reader) return reader
    const body = value.subarray(headerBytes)
    try {
      if (writers.checked !== value) reader.check(body)
      writers.checked = value
      const decoded: unknown = reader.type.fromBuffer(body, reader.resolver)
      return { kind: 'record', name: reader.name, value: decoded, schemaId } as Decoded<Records>
    } catch (error) {
      return bad('UNREADABLE', `${reader.name}: ${messageOf(error)}`)
    }
  }
  return {
    decode(value) {
      const buffer = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      if (buffer.length === 0) return bad('EMPTY', 'the value is empty')
      if (buffer.length < headerBytes || buffer[0] !== magicByte)
        return bad('NOT_CONFLUENT', 'the value does not begin with 0x00 and a schema id')
      const id = buffer.readUInt32BE(1)
      const writer = writers.of(id)
      return writer instanceof Promise
        ? writer.then((learnt) => decodeWith(learnt, buffer, id))
        : decodeWith(writer, buffer, id)
    },
  }
}

/** @throws EncodeError for a value that does not fit: what avsc would write of it is undefined. */
function refuseInvalid(type: Type, name: string, value: unknown): void {
  let problem: string | null = null
  const valid = type.isValid(value, {
    errorHook: (path, found, expected) => {
      // What was found may be the text of a prompt: only its type is said.
      problem ??= `${name}.${path.join('.')}: a ${typeof found} is no ${expected.toString()}`
    },
  })
  if (!valid) throw new EncodeError(problem ?? `${name} does not fit its schema`, { code: 'INVALID_RECORD' })
}

function bad<Records extends object>(code: BadRecordCode, reason: string): Decoded<Records> {
  return { kind: 'bad', code, reason }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
