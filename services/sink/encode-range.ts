import type { Records } from '../domain/events/records.ts'
import type { Redactor } from '../domain/redaction/redactor.ts'
import { topics } from '../flow.ts'
import { createRowBinaryWriter, type RowBinaryWriter } from '../platform/clickhouse/row-binary.ts'
import type { DeadLetterGuard } from '../platform/kafka/dead-letters.ts'
import type { InRecord } from '../platform/kafka/transport.ts'
import type { Codec, Decoded } from '../platform/registry/codec.ts'
import type { EncodedRange } from './insert-range.ts'
import {
  type LogPlace,
  type Table,
  writeAck,
  writeDecision,
  writeEvidence,
  writeRequest,
  writeResponse,
} from './rows.ts'

export interface RangeEncoderOptions {
  readonly codec: Codec<Records>
  /** Applied to request bodies, answers, refusals and the arguments of tool calls, which may be JSON documents. */
  readonly redact: Redactor
  /** Throws when too many records are unusable. */
  readonly guard: DeadLetterGuard
  deadLetter(record: InRecord, code: string, reason: string): Promise<void>
}

interface TableRows {
  readonly writer: RowBinaryWriter
  rows: number
}

type Good = Extract<Decoded<Records>, { readonly kind: 'record' }>

/** Turns a range of records into rows. Records that cannot be read or do not fit a column go to the dead letters; the rest of the range is written. */
export function createRangeEncoder(
  options: RangeEncoderOptions,
): (records: readonly InRecord[]) => Promise<EncodedRange> {
  const { codec, guard, redact } = options
  const refuse = async (record: InRecord, code: string, reason: string) => {
    await options.deadLetter(record, code, reason)
    guard.bad(record)
  }
  return async (records) => {
    const tables = new Map<Table, TableRows>()
    const capacity = capacityFor(records)
    for (const record of records) {
      if (record.value === null) continue
      const decoding = codec.decode(record.value)
      const decoded = decoding instanceof Promise ? await decoding : decoding
      if (decoded.kind === 'bad') {
        await refuse(record, decoded.code, decoded.reason)
        continue
      }
      if (!belongs(decoded.name, record.topic)) {
        await refuse(record, 'FOREIGN_RECORD', `${decoded.name} does not belong on this topic`)
        continue
      }
      const problem = append(tables, capacity, decoded, record, redact)
      if (problem === null) guard.good(1, record)
      else await refuse(record, 'INVALID_VALUE', problem)
    }
    return new Map(
      [...tables]
        .filter(([, { rows }]) => rows > 0)
        .map(([table, { writer, rows }]) => [table, { rows, bytes: writer.bytes() }]),
    )
  }
}

/** Columns that a record does not have, and the digits of its numbers. */
const extraPerRow = 100

/** A row is hardly longer than its record; nearly all records of a range go into one table. */
function capacityFor(records: readonly InRecord[]): number {
  return records.reduce((sum, { value }) => sum + (value?.length ?? 0) + extraPerRow, 0)
}

/** Appends one record's row; a value that no column can hold leaves no trace of the row and is named in the result. */
function append(
  tables: Map<Table, TableRows>,
  capacity: number,
  decoded: Good,
  at: LogPlace,
  redact: Redactor,
): string | null {
  const table = tableOf(decoded.name)
  if (table === null) return null
  const entry = tables.get(table) ?? { writer: createRowBinaryWriter(capacity), rows: 0 }
  tables.set(table, entry)
  const before = entry.writer.length
  try {
    write(entry.writer, decoded, at, redact)
    entry.rows += 1
    return null
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    entry.writer.rewind(before)
    // The message of a RangeError quotes numbers only, never text of a prompt or an answer.
    return `${decoded.name}: ${error.message}`
  }
}

function tableOf(name: Good['name']): Table | null {
  switch (name) {
    case 'Request':
    case 'Response':
      return 'legs'
    case 'Evidence':
      return 'evidence'
    case 'Decision':
      return 'decisions'
    case 'Ack':
      return 'acks'
    default:
      return null
  }
}

function write(writer: RowBinaryWriter, decoded: Good, at: LogPlace, redact: Redactor): void {
  switch (decoded.name) {
    case 'Request':
      writeRequest(writer, decoded.value, at, redact)
      break
    case 'Response':
      writeResponse(writer, decoded.value, at, redact)
      break
    case 'Evidence':
      nearAppend('arrived_at', decoded.value.arrived_at, at)
      writeEvidence(writer, decoded.value, at)
      break
    case 'Decision':
      nearAppend('at', decoded.value.at, at)
      writeDecision(writer, decoded.value)
      break
    case 'Ack':
      nearAppend('sent_at', decoded.value.sent_at, at)
      writeAck(writer, decoded.value)
      break
    default:
      break
  }
}

/** Evidence is kept for 400 days: a time further from its record's own is nobody's measurement. */
const furthestMs = 400 * 86_400_000

/** Tables are partitioned by these times, and the store refuses an insert that touches too many partitions: a few wild ones would stop the lane. */
function nearAppend(field: string, ms: number, at: LogPlace): void {
  if (!(Math.abs(ms - at.timestampMs) <= furthestMs))
    throw new RangeError(`${field} ${ms} lies more than 400 days from the record's own time`)
}

const recordsOf = new Map<string, ReadonlySet<string>>(
  Object.values(topics).map(({ name, records }) => [name, new Set<string>(records)]),
)

function belongs(name: string, topic: string): boolean {
  return recordsOf.get(topic)?.has(name) === true
}
