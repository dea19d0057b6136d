import { Readable } from 'node:stream'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { PenstockError } from '../../domain/outcome/penstock-error.ts'

/** A call to ClickHouse failed. Retriable when the server is away or overloaded; otherwise the statement or the data are wrong. */
export class ClickHouseError extends PenstockError {}

export interface ClickHouseOptions {
  readonly url: string
  readonly user: string
  readonly password: string
  readonly database: string
  readonly requestTimeoutMs?: number
}

/** What services may do with the store: parameterised reads, deduplicated RowBinary inserts, and DDL. */
export interface ClickHouseStore {
  query<Row>(sql: string, parameters?: Readonly<Record<string, unknown>>): Promise<readonly Row[]>
  /** Inserts rows encoded as RowBinary; the same token twice inserts once, also into materialised views. */
  insertRowBinary(
    table: string,
    columns: readonly string[],
    rows: Buffer,
    options: { readonly deduplicationToken: string },
  ): Promise<void>
  command(sql: string): Promise<void>
  stop(): Promise<void>
}

const defaultRequestTimeoutMs = 30_000
/**
 * Server errors that pass by themselves or when somebody mends the server: too many parts, memory, timeouts, shutting down, too many queries,
 * quota, read-only, a full disk, Keeper or replicas away.
 */
const passing = new Set([
  '252',
  '241',
  '159',
  '209',
  '210',
  '202',
  '236',
  '394',
  '201',
  '242',
  '243',
  '75',
  '173',
  '225',
  '285',
  '319',
  '999',
])

export function openClickHouse(options: ClickHouseOptions): ClickHouseStore {
  const client = createClient({
    url: options.url,
    username: options.user,
    password: options.password,
    database: options.database,
    request_timeout: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    max_open_connections: 8,
    // Every failure is thrown to the caller; printed here it would show statements to whoever reads the log.
    log: { level: ClickHouseLogLevel.OFF },
    // An insert acknowledged before it is written would break the offsets that follow it.
    clickhouse_settings: {
      async_insert: 0,
      date_time_output_format: 'iso',
      output_format_json_quote_64bit_integers: 0,
    },
  })
  const mapped = async <T>(doing: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (cause) {
      throw clickHouseError(cause, doing)
    }
  }
  return {
    query: <Row>(sql: string, parameters: Readonly<Record<string, unknown>> = {}) =>
      mapped('querying', async () => {
        const result = await client.query({ query: sql, query_params: { ...parameters }, format: 'JSONEachRow' })
        return result.json<Row>()
      }),
    insertRowBinary: (table, columns, rows, { deduplicationToken }) =>
      mapped(`inserting into ${table}`, async () => {
        const { stream } = await client.exec({
          query: `INSERT INTO ${table} (${columns.join(', ')}) FORMAT RowBinary`,
          values: Readable.from([rows], { objectMode: false }),
          clickhouse_settings: {
            insert_deduplication_token: deduplicationToken,
            deduplicate_blocks_in_dependent_materialized_views: 1,
          },
        })
        for await (const _ of stream) {
          // Nothing comes back, but the connection is free only when the body has been read.
        }
      }),
    command: (sql) => mapped('running a command', async () => void (await client.command({ query: sql }))),
    stop: () => client.close(),
  }
}

function clickHouseError(cause: unknown, doing: string): ClickHouseError {
  const { code, message } = cause as { readonly code?: string; readonly message?: string }
  const fromServer = code !== undefined && /^\d+$/.test(code)
  const retriable = fromServer ? passing.has(code) : true
  return new ClickHouseError(`${doing}: ${message ?? String(cause)}`, {
    code: fromServer ? `CLICKHOUSE_${code}` : 'STORE_AWAY',
    retriable,
    cause,
  })
}
