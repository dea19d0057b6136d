import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { GroupConsumer, InRecord, TopicPartition } from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Range } from './batch-cutter.ts'
import { columns, type Table, whereAbsent } from './rows.ts'

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

/**
 * Takes one range from announcement to committed end; false when the partition was taken away meanwhile (its next owner goes on with the range).
 *
 * An insert that was not answered at once is in doubt, and its token settles only half of that: a store that is killed in the middle of it may know
 * the token and have lost the rows, and calls the repetition a duplicate. So an attempt in doubt is repeated until it is answered, after which it
 * writes nothing any more, and is followed by another under a token of its own that writes what is not there. Each is announced before it is sent:
 * whoever takes the range over settles the last one, too, and cannot meet it again later. Only an attempt that was answered at once ends the range.
 */
export function createRangeInserter<Lane extends TopicPartition>(
  options: RangeInserterOptions<Lane>,
): (lane: Lane, range: Range) => Promise<boolean> {
  const { scope, consumer, owned } = options
  const { log, signal } = scope
  const rows = scope.metrics.counter('penstock_sink_rows_total', 'Rows inserted', ['table'])
  const retries = scope.metrics.counter('penstock_sink_retries_total', 'Inserts tried again')
  const doubts = scope.metrics.counter('penstock_sink_doubts_total', 'Attempts of which it is not known what is stored')
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

  /** Repeated until the store answers; true when it did at once, so that nothing of this attempt was ever sent before. */
  const settle = async (lane: Lane, token: string, attempt: number, encoded: EncodedRange): Promise<boolean> => {
    let sent = 0
    for (const [table, { bytes }] of encoded) {
      const [into, suffix] = attempt === 0 ? [table, ''] : [whereAbsent[table], `-${attempt}`]
      const deduplicationToken = `${table}-${lane.topic}-${lane.partition}-${token}${suffix}`
      const insert = () => {
        sent += 1
        return options.store.insertRowBinary(into, columns[table], bytes, { deduplicationToken })
      }
      await persistently('insert', insert, patience)
    }
    return sent === encoded.size
  }

  return async (lane, { start, end, token, attempts, records }) => {
    // Nothing but marks of a quiet partition: there is nothing that a repetition could write twice.
    if (records.every(({ value }) => value === null)) return commit(lane, end, '')
    let encoded: EncodedRange | null = null
    let attempt = Math.max(0, attempts - 1)
    for (let mayBeSent = attempts > 0; ; mayBeSent = false, attempt += 1) {
      if (!(await commit(lane, start, JSON.stringify({ end, token, attempts: attempt + 1 })))) return false
      encoded ??= await persistently('encoding', () => options.encode(records), patience)
      if ((await settle(lane, token, attempt, encoded)) && !mayBeSent) break
      doubts.add(1)
    }
    for (const [table, { rows: count }] of encoded) rows.add(count, { table })
    return commit(lane, end, '')
  }
}
