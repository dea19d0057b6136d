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
const capacityDefault = 64 * 1024

/** @param capacity bytes that the rows are expected to take; more of them make the buffer grow, and be copied */
export function createRowBinaryWriter(capacity = capacityDefault): RowBinaryWriter {
  let buffer = Buffer.allocUnsafe(capacity)
  let length = 0
  const reserve = (bytes: number) => {
    if (length + bytes <= buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(buffer.length * 2, length + bytes))
    buffer.copy(grown, 0, 0, length)
    buffer = grown
  }
  const varint = (value: number) => {
    reserve(10)
    let rest = value
    while (rest >= 0x80) {
      buffer[length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    buffer[length++] = rest
  }
  const writer: RowBinaryWriter = {
    string(value) {
      const bytes = Buffer.byteLength(value)
      varint(bytes)
      reserve(bytes)
      length += buffer.write(value, length)
      return writer
    },
    uint8(value) {
      reserve(1)
      length = buffer.writeUInt8(value, length)
      return writer
    },
    uint16(value) {
      reserve(2)
      length = buffer.writeUInt16LE(value, length)
      return writer
    },
    uint32(value) {
      reserve(4)
      length = buffer.writeUInt32LE(value, length)
      return writer
    },
    uint64(value) {
      reserve(8)
      length = buffer.writeBigUInt64LE(BigInt(value), length)
      return writer
    },
    int64(value) {
      reserve(8)
      length = buffer.writeBigInt64LE(BigInt(value), length)
      return writer
    },
    float64(value) {
      reserve(8)
      length = buffer.writeDoubleLE(finite(value), length)
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
      varint(values.length)
      for (const value of values) write(value)
      return writer
    },
    map(values, write) {
      const entries = Object.entries(values)
      varint(entries.length)
      for (const [key, value] of entries) {
        writer.string(key)
        write(value)
      }
      return writer
    },
    rewind(to) {
      length = Math.min(length, to)
    },
    get length() {
      return length
    },
    bytes: () => buffer.subarray(0, length),
  }
  return writer
}

/** One NaN would blank every mean that it enters. */
function finite(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no number`)
  return value
}
