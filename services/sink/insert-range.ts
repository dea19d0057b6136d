import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { GroupConsumer, InRecord, TopicPartition } from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Range } from './batch-cutter.ts'
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

/** Takes one range from announcement to committed end; false when the partition was taken away meanwhile (its next owner repeats the range). */
export function createRangeInserter<Lane extends TopicPartition>(
  options: RangeInserterOptions<Lane>,
): (lane: Lane, range: Range) => Promise<boolean> {
  const { scope, consumer, owned } = options
  const { log, signal } = scope
  const rows = scope.metrics.counter('penstock_sink_rows_total', 'Rows inserted', ['table'])
  const retries = scope.metrics.counter('penstock_sink_retries_total', 'Inserts tried again')
  const patience = { signal, log, timers: scope.timers, health: scope.health, onRetry: () => retries.add() }

  /**
   * Commits for a lane that is still ours, through rebalances and a broker that is away: records that have left the cutter have no other way
   * into the store while this member keeps the partition. No failure is final here: whether the consumer can go on is for the consumer to say, and
   * its crash ends the process. False when the partition was taken away, be it while a commit was on its way that was taken; the next owner reads the records again,
   * and may be this member, which was told of the offsets of before.
   */
  const commit = async (lane: Lane, offset: number, metadata: string): Promise<boolean> => {
    const { topic, partition } = lane
    for (; owned(lane); await scope.timers.wait(commitRetryMs, scope.signal)) {
      try {
        if (await consumer.commit([{ topic, partition, offset, metadata }])) {
          scope.health.waits('committing', null)
          return owned(lane)
        }
      } catch (error) {
        if (!(error instanceof PenstockError)) throw error
        scope.health.waits('committing', error.message)
        log.warn({ topic, partition, err: error.message }, 'offset not committed; trying again')
      }
    }
    return false
  }

  return async (lane, { start, end, token, records }) => {
    const { topic, partition } = lane
    // Nothing but marks of a quiet partition: there is nothing that a repetition could write twice.
    if (records.every(({ value }) => value === null)) return commit(lane, end, '')
    if (!(await commit(lane, start, JSON.stringify({ end, token })))) return false
    const encoded = await persistently('encoding', () => options.encode(records), patience)
    for (const [table, { bytes, rows: count }] of encoded) {
      const deduplicationToken = `${table}-${topic}-${partition}-${token}`
      const insert = () => options.store.insertRowBinary(table, columns[table], bytes, { deduplicationToken })
      await persistently('insert', insert, patience)
      rows.add(count, { table })
    }
    return commit(lane, end, '')
  }
}
