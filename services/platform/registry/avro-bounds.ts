import type { Type, types } from 'avsc'

/** Where the check stands. One per check, so that nothing is allocated on the way: this runs for every record. */
interface Cursor {
  readonly body: Buffer
  at: number
}

/** Passes over one value. @throws RangeError for one that does not lie within its body. */
type Skip = (cursor: Cursor) => void

/**
 * A check that a body is whole before it is decoded. avsc believes the counts it reads: a few bytes that claim 2^50 items keep it filling an array
 * until memory ends. Here every length, count, index and the end itself must lie within the body; nothing is built.
 */
export function boundsCheck(type: Type): (body: Buffer) => void {
  const skip = skipper(type, new Map())
  return (body) => {
    const cursor = { body, at: 0 }
    skip(cursor)
    if (cursor.at !== body.length) throw new RangeError(`the record ends at byte ${cursor.at} of ${body.length}`)
  }
}

function skipper(type: Type, known: Map<Type, Skip>): Skip {
  const made = known.get(type)
  if (made !== undefined) return made
  let skip: Skip = () => undefined
  // Entered before it is made: records may hold themselves.
  known.set(type, (cursor) => skip(cursor))
  skip = makeSkipper(type, (inner) => skipper(inner, known))
  known.set(type, skip)
  return skip
}

function makeSkipper(type: Type, of: (inner: Type) => Skip): Skip {
  switch (type.typeName) {
    case 'null':
      return () => undefined
    case 'boolean':
      return (cursor) => forward(cursor, 1)
    case 'float':
      return (cursor) => forward(cursor, 4)
    case 'double':
      return (cursor) => forward(cursor, 8)
    case 'fixed': {
      const { size } = type as types.FixedType
      return (cursor) => forward(cursor, size)
    }
    case 'int':
    case 'long':
      return readNumber
    case 'bytes':
    case 'string':
      return skipText
    case 'enum': {
      const { length } = (type as types.EnumType).symbols
      return (cursor) => void indexBelow(cursor, length)
    }
    case 'array':
      return skipBlocks(of((type as types.ArrayType).itemsType))
    case 'map': {
      const value = of((type as types.MapType).valuesType)
      return skipBlocks((cursor) => {
        skipText(cursor)
        value(cursor)
      })
    }
    case 'record':
      return skipEach((type as types.RecordType).fields.map((field) => of(field.type)))
    case 'union:wrapped':
    case 'union:unwrapped': {
      const branches = (type as types.UnwrappedUnionType).types.map(of)
      return (cursor) => branches[indexBelow(cursor, branches.length)]?.(cursor)
    }
    default:
      throw new TypeError(`no bounds are known for ${type.typeName}`)
  }
}

function skipEach(fields: readonly Skip[]): Skip {
  return (cursor) => {
    for (const field of fields) field(cursor)
  }
}

/** Arrays and maps: blocks of items, each with its count; a negative count is followed by the block's size in bytes. */
function skipBlocks(item: Skip): Skip {
  return (cursor) => {
    for (;;) {
      const count = readNumber(cursor)
      if (count === 0) return
      if (count < 0) readNumber(cursor)
      // Each item of ours takes a byte at least, so that a count beyond the rest is false and the loop is short.
      const items = Math.abs(count)
      const left = cursor.body.length - cursor.at
      if (items > left) throw new RangeError(`${items} items in ${left} bytes`)
      for (let index = 0; index < items; index += 1) item(cursor)
    }
  }
}

function skipText(cursor: Cursor): void {
  const length = readNumber(cursor)
  if (length < 0) throw new RangeError(`length ${length} before byte ${cursor.at}`)
  forward(cursor, length)
}

function indexBelow(cursor: Cursor, limit: number): number {
  const index = readNumber(cursor)
  if (index < 0 || index >= limit) throw new RangeError(`choice ${index} of ${limit} before byte ${cursor.at}`)
  return index
}

function forward(cursor: Cursor, bytes: number): void {
  cursor.at += bytes
  if (cursor.at > cursor.body.length) throw new RangeError(`byte ${cursor.at} of ${cursor.body.length}`)
}

const varintBytesMax = 10

/** A zig-zag varint; beyond 2^53 its value is not exact, which only makes it too large for any body. */
function readNumber(cursor: Cursor): number {
  const { body } = cursor
  let raw = 0
  let scale = 1
  for (let index = 0; index < varintBytesMax; index += 1) {
    const byte = body[cursor.at]
    if (byte === undefined) throw new RangeError(`byte ${cursor.at} of ${body.length}`)
    cursor.at += 1
    raw += (byte & 0x7f) * scale
    if (byte < 128) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
    scale *= 128
  }
  throw new RangeError(`a number of more than ${varintBytesMax} bytes before byte ${cursor.at}`)
}
