import { setTimeout as delay } from 'node:timers/promises'
import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { GroupConsumer, InRecord, TopicPartition } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { columns, type Table } from './rows.ts'

/** Rows of one range, by table. */
export type EncodedRange = ReadonlyMap<Table, { readonly rows: number; readonly bytes: Buffer }>

export interface RangeInserterOptions<Lane extends TopicPartition> {
  readonly scope: Scope
  readonly consumer: Pick<GroupConsumer, 'commit'>
  readonly store: Pick<ClickHouseStore, 'insertRowBinary'>
  encode(records: readonly InRecord[]): Promise<EncodedRange>
  /** Whether the lane is still this member's, and the process is not stopping. */
  owned(lane: Lane): boolean
}

const commitRetryMs = 100
const retryFirstMs = 200
const retryLongestMs = 5_000

/** Takes one range from announcement to committed end; false when the partition was taken away meanwhile (its next owner repeats the range). */
export function createRangeInserter<Lane extends TopicPartition>(
  options: RangeInserterOptions<Lane>,
): (lane: Lane, records: readonly InRecord[]) => Promise<boolean> {
  const { scope, consumer, owned } = options
  const rows = scope.metrics.counter('penstock_sink_rows_total', 'Rows inserted', ['table'])
  const retries = scope.metrics.counter('penstock_sink_retries_total', 'Inserts tried again')

  /**
   * Commits for a lane that is still ours, through rebalances and a broker that is away: records that have left the cutter have no other way
   * into the store while this member keeps the partition. False when it was taken away; the next owner reads them again.
   */
  const commit = async (lane: Lane, offset: number, metadata: string): Promise<boolean> => {
    const { topic, partition } = lane
    for (; owned(lane); await delay(commitRetryMs, undefined, { signal: scope.signal })) {
      try {
        if (await consumer.commit([{ topic, partition, offset, metadata }])) return true
      } catch (error) {
        if (!(error instanceof PenstockError) || !error.retriable) throw error
        scope.log.warn({ topic, partition, err: error.message }, 'offset not committed; trying again')
      }
    }
    return false
  }

  return async (lane, records) => {
    const [first, last] = [records[0], records.at(-1)]
    if (first === undefined || last === undefined) return true
    const { topic, partition } = lane
    const [start, end] = [first.offset, last.offset + 1]
    if (!(await commit(lane, start, JSON.stringify({ end })))) return false
    const encoded = await persistently(
      scope,
      () => retries.add(),
      'encoding',
      () => options.encode(records),
    )
    for (const [table, { bytes, rows: count }] of encoded) {
      await persistently(
        scope,
        () => retries.add(),
        'insert',
        () =>
          options.store.insertRowBinary(table, columns[table], bytes, {
            deduplicationToken: `${table}-${topic}-${partition}-${start}-${end}-v1`,
          }),
      )
      rows.add(count, { table })
    }
    return commit(lane, end, '')
  }
}

/** Waits out a store or registry that is away; a statement that the store refuses for good ends the process. */
async function persistently<T>(scope: Scope, onRetry: () => void, what: string, act: () => Promise<T>): Promise<T> {
  for (let pauseMs = retryFirstMs; ; pauseMs = Math.min(pauseMs * 2, retryLongestMs)) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof PenstockError) || !error.retriable || scope.signal.aborted) throw error
      onRetry()
      scope.log.warn({ err: error.message }, `${what} not done; trying again`)
      await delay(pauseMs, undefined, { signal: scope.signal })
    }
  }
}
