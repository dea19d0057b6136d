import { isAscii } from 'node:buffer'
import avro, { type Type } from 'avsc'

/** What avsc reads from. The value has been found to be whole: see `boundsCheck`. */
interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
}

/** Bytes of a record where they lie: avsc would copy them. */
class LentBytes extends avro.types.BytesType {
  _read(tap: Tap): Buffer {
    return take(tap)
  }
}

/** A text as its bytes where they lie, if it is ASCII alone; any other as a string. */
class LentText extends avro.types.StringType {
  _read(tap: Tap): Buffer | string {
    const bytes = take(tap)
    return isAscii(bytes) ? bytes : bytes.toString('utf8')
  }
}

function take(tap: Tap): Buffer {
  const length = tap.readLong()
  const begin = tap.pos
  tap.pos += length
  return tap.buf.subarray(begin, tap.pos)
}

const lent: Readonly<Record<string, Type>> = { bytes: new LentBytes(), string: new LentText() }

/** A reader of texts or bytes that are not copied. @throws TypeError for any other type */
export function lentType(name: unknown): Type {
  const type = typeof name === 'string' ? lent[name] : undefined
  if (type === undefined) throw new TypeError(`only bytes and strings are lent, no ${JSON.stringify(name)}`)
  return type
}
