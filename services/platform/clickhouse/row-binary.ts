/** Writes values in ClickHouse's RowBinary format, little endian, into one growing buffer. The caller knows the column types and their order. */
export interface RowBinaryWriter {
  string(value: string): RowBinaryWriter
  uint8(value: number): RowBinaryWriter
  uint16(value: number): RowBinaryWriter
  uint32(value: number): RowBinaryWriter
  uint64(value: number): RowBinaryWriter
  int64(value: number): RowBinaryWriter
  float64(value: number): RowBinaryWriter
  bool(value: boolean): RowBinaryWriter
  /** DateTime64(3): milliseconds since the epoch. Throws RangeError, as the numbers do, for a value that does not fit or is none. */
  dateTime64(ms: number): RowBinaryWriter
  nullable<T>(value: T | null, write: (value: T) => void): RowBinaryWriter
  array<T>(values: readonly T[], write: (value: T) => void): RowBinaryWriter
  map<T>(values: Readonly<Record<string, T>>, write: (value: T) => void): RowBinaryWriter
  readonly length: number
  /** Takes back what was written behind `length`: a row that turned out not to fit. */
  rewind(length: number): void
  bytes(): Buffer
}

/** DateTime64 itself ends in 2299; a time far outside is a broken producer, and each would open a partition of its own. */
const firstDateTimeMs = Date.UTC(1900, 0, 1)
const endDateTimeMs = Date.UTC(2200, 0, 1)
/** In UTF-16 units; at most 127, so that the length takes one byte. */
const shortMax = 40
const capacityDefault = 64 * 1024

interface GrowingBuffer {
  buffer: Buffer
  length: number
  reserve(bytes: number): void
  varint(value: number): void
  /** Most columns hold a short word or nothing: written letter by letter they take no call out of JavaScript. False: nothing is written. */
  shortAscii(value: string): boolean
}

function createGrowingBuffer(capacity: number): GrowingBuffer {
  const here: GrowingBuffer = {
    buffer: Buffer.allocUnsafe(capacity),
    length: 0,
    reserve(bytes) {
      if (here.length + bytes <= here.buffer.length) return
      const grown = Buffer.allocUnsafe(Math.max(here.buffer.length * 2, here.length + bytes))
      here.buffer.copy(grown, 0, 0, here.length)
      here.buffer = grown
    },
    varint(value) {
      here.reserve(10)
      let rest = value
      while (rest >= 0x80) {
        here.buffer[here.length++] = (rest % 0x80) | 0x80
        rest = Math.floor(rest / 0x80)
      }
      here.buffer[here.length++] = rest
    },
    shortAscii(value) {
      here.reserve(1 + shortMax)
      let at = here.length + 1
      for (let index = 0; index < value.length; index += 1) {
        const code = value.charCodeAt(index)
        if (code > 0x7f) return false
        here.buffer[at++] = code
      }
      here.buffer[here.length] = value.length
      here.length = at
      return true
    },
  }
  return here
}

/** @param capacity bytes that the rows are expected to take; more of them make the buffer grow, and be copied */
export function createRowBinaryWriter(capacity = capacityDefault): RowBinaryWriter {
  const here = createGrowingBuffer(capacity)
  const writer: RowBinaryWriter = {
    string(value) {
      if (value.length <= shortMax && here.shortAscii(value)) return writer
      const bytes = Buffer.byteLength(value)
      here.varint(bytes)
      here.reserve(bytes)
      here.length += here.buffer.write(value, here.length)
      return writer
    },
    uint8(value) {
      here.reserve(1)
      here.length = here.buffer.writeUInt8(value, here.length)
      return writer
    },
    uint16(value) {
      here.reserve(2)
      here.length = here.buffer.writeUInt16LE(value, here.length)
      return writer
    },
    uint32(value) {
      here.reserve(4)
      here.length = here.buffer.writeUInt32LE(value, here.length)
      return writer
    },
    uint64(value) {
      here.reserve(8)
      if (Number.isSafeInteger(value) && value >= 0) {
        here.buffer.writeUInt32LE(value % 2 ** 32, here.length)
        here.length = here.buffer.writeUInt32LE(Math.floor(value / 2 ** 32), here.length + 4)
      } else here.length = here.buffer.writeBigUInt64LE(BigInt(value), here.length)
      return writer
    },
    int64(value) {
      here.reserve(8)
      if (Number.isSafeInteger(value) && value >= 0) return writer.uint64(value)
      here.length = here.buffer.writeBigInt64LE(BigInt(value), here.length)
      return writer
    },
    float64(value) {
      here.reserve(8)
      here.length = here.buffer.writeDoubleLE(finite(value), here.length)
      return writer
    },
    bool: (value) => writer.uint8(value ? 1 : 0),
    dateTime64(ms) {
      if (!(ms >= firstDateTimeMs && ms < endDateTimeMs)) throw new RangeError(`${ms} is no time between 1900 and 2200`)
      return writer.int64(Math.trunc(ms))
    },
    nullable(value, write) {
      writer.uint8(value === null ? 1 : 0)
      if (value !== null) write(value)
      return writer
    },
    array(values, write) {
      here.varint(values.length)
      for (const value of values) write(value)
      return writer
    },
    map(values, write) {
      const entries = Object.entries(values)
      here.varint(entries.length)
      for (const [key, value] of entries) {
        writer.string(key)
        write(value)
      }
      return writer
    },
    rewind(to) {
      here.length = Math.min(here.length, to)
    },
    get length() {
      return here.length
    },
    bytes: () => here.buffer.subarray(0, here.length),
  }
  return writer
}

/** One NaN would blank every mean that it enters. */
function finite(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no number`)
  return value
}
