import { replaceModule } from './module-patch.ts'

/** Castagnoli's, bits reversed. */
const polynomial = 0x82f63b78
const slices = 8

/** Of each byte, and of each byte with 1 to 7 zeros behind it. */
const tables = createTables()

/** CRC-32C (RFC 3720, B.4), eight bytes a step: what they do to the remainder are eight look-ups that do not wait for each other (Kounavis and Berry, 2008). */
export function crc32c(bytes: Buffer): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables
  let remainder = ~0
  let at = 0
  for (const end = bytes.length - (bytes.length % slices); at < end; at += slices) {
    const low = remainder ^ word(bytes, at)
    const high = word(bytes, at + 4)
    remainder =
      look(t7, low & 0xff) ^
      look(t6, (low >>> 8) & 0xff) ^
      look(t5, (low >>> 16) & 0xff) ^
      look(t4, low >>> 24) ^
      look(t3, high & 0xff) ^
      look(t2, (high >>> 8) & 0xff) ^
      look(t1, (high >>> 16) & 0xff) ^
      look(t0, high >>> 24)
  }
  for (; at < bytes.length; at += 1) remainder = (remainder >>> 8) ^ look(t0, (remainder ^ byte(bytes, at)) & 0xff)
  return ~remainder >>> 0
}

type Table = Int32Array

function byte(bytes: Buffer, at: number): number {
  return bytes[at] as number
}

function word(bytes: Buffer, at: number): number {
  return byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24)
}

function look(table: Table, index: number): number {
  return table[index] as number
}

function createTables(): readonly [Table, Table, Table, Table, Table, Table, Table, Table] {
  const shifted = (index: number) => {
    let remainder = index
    for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1
    return remainder
  }
  const first = Int32Array.from({ length: 256 }, (_, index) => shifted(index))
  const next = (table: Table): Table => table.map((value) => (value >>> 8) ^ look(first, value & 0xff))
  const t1 = next(first)
  const t2 = next(t1)
  const t3 = next(t2)
  const t4 = next(t3)
  const t5 = next(t4)
  const t6 = next(t5)
  return [first, t1, t2, t3, t4, t5, t6, next(t6)]
}

/** kafkajs 2.2.4 takes the checksum of what it writes byte by byte: a third of what writing costs. */
export function patchKafkajsChecksum(): void {
  replaceModule('kafkajs/src/protocol/recordBatch/crc32C/index.js', () => crc32c)
}
