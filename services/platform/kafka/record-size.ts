import type { OutRecord } from './transport.ts'

/** Below the broker's default `message.max.bytes` of 1 MiB, with room for the batch's own header. */
export const defaultMaxBatchBytes = 900_000
const recordOverheadBytes = 100

/** What a record takes in a batch, at most: key, value, headers and the bytes around them. */
export function recordBytes(record: OutRecord): number {
  let bytes = recordOverheadBytes + (record.value?.length ?? 0) + Buffer.byteLength(record.key ?? '')
  for (const [name, value] of Object.entries(record.headers ?? {}))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + headerOverheadBytes
  return bytes
}

const headerOverheadBytes = 10
