import { setTimeout as delay } from 'node:timers/promises'
import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { GroupConsumer, InRecord, Transport } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { type BatchCutter, type CutPolicy, createBatchCutter } from './batch-cutter.ts'
import { columns, type Table } from './rows.ts'

/** Rows of one range, by table. */
export type EncodedRange = ReadonlyMap<Table, { readonly rows: number; readonly bytes: Buffer }>

export interface LaneOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  readonly policy: CutPolicy
  readonly store: ClickHouseStore
  readonly transport: Transport
  /** Deterministic: the same records give the same rows. Records that cannot be used are dealt with inside. */
  encode(records: readonly InRecord[]): Promise<EncodedRange>
}

interface PartitionLane {
  readonly topic: string
  readonly partition: number
  cutter: BatchCutter
  working: Promise<void>
  paused: boolean
}

const pollMs = 100
const retryFirstMs = 200
const retryLongestMs = 5_000
/** Waiting bytes per partition at which the partition is no longer fetched. */
const pauseAtBytes = 32 * 1024 * 1024

/**
 * Writes a lane's records into the store exactly once: announce the range in the metadata of the committed offset, insert with a token made of
 * it, commit its end. Whatever dies in between, the next owner cuts the same range and inserts it with the same token. While the store is away
 * partitions are paused and the log keeps the rest.
 */
export async function startLane(scope: Scope, options: LaneOptions): Promise<void> {
  const lanes = new Map<string, PartitionLane>()
  const rows = scope.metrics.counter('penstock_sink_rows_total', 'Rows inserted', ['table'])
  const retries = scope.metrics.counter('penstock_sink_retries_total', 'Inserts tried again')
  const waiting = scope.metrics.gauge('penstock_sink_waiting_bytes', 'Bytes waiting for an insert', ['group'])
  const idOf = (topic: string, partition: number) => `${topic}/${partition}`

  const consumer: GroupConsumer = await scope.use(`lane-${options.groupId}`, () =>
    options.transport.consume({
      groupId: options.groupId,
      topics: options.topics,
      async onAssigned(partitions) {
        for (const { topic, partition, metadata } of partitions) {
          lanes.set(idOf(topic, partition), {
            topic,
            partition,
            cutter: createBatchCutter(options.policy, announcedEnd(metadata)),
            working: Promise.resolve(),
            paused: false,
          })
        }
      },
      onRevoked(partitions) {
        for (const { topic, partition } of partitions) lanes.delete(idOf(topic, partition))
      },
      async onBatch(batch) {
        const lane = lanes.get(idOf(batch.topic, batch.partition))
        for (const record of batch.records) lane?.cutter.add(record)
      },
    }),
  )
  consumer.crashed.catch((error: unknown) => scope.fail(error))

  const insert = async (lane: PartitionLane, records: readonly InRecord[]) => {
    const start = records[0]?.offset ?? 0
    const end = (records.at(-1)?.offset ?? 0) + 1
    const { topic, partition } = lane
    if (!(await consumer.commit([{ topic, partition, offset: start, metadata: JSON.stringify({ end }) }]))) return
    const encoded = await options.encode(records)
    for (const [table, { bytes, rows: count }] of encoded) {
      await persistently(scope, retries.add, () =>
        options.store.insertRowBinary(table, columns[table], bytes, {
          deduplicationToken: `${table}-${topic}-${partition}-${start}-${end}-v1`,
        }),
      )
      rows.add(count, { table })
    }
    await consumer.commit([{ topic, partition, offset: end }])
  }

  const work = async (lane: PartitionLane) => {
    for (
      let records = lane.cutter.cut(scope.clock.monoMs());
      records !== null && !scope.signal.aborted;
      records = lane.cutter.cut(scope.clock.monoMs())
    ) {
      await insert(lane, records)
    }
  }

  const busy = new Set<PartitionLane>()
  const timer = setInterval(() => {
    for (const lane of lanes.values()) {
      steer(consumer, lane)
      if (busy.has(lane)) continue
      busy.add(lane)
      lane.working = work(lane)
        .catch((error: unknown) => {
          if (!scope.signal.aborted) scope.fail(error)
        })
        .finally(() => busy.delete(lane))
    }
    waiting.set(
      [...lanes.values()].reduce((sum, lane) => sum + lane.cutter.waitingBytes, 0),
      { group: options.groupId },
    )
  }, pollMs)
  scope.onStop(`lane-${options.groupId}-work`, async () => {
    clearInterval(timer)
    await Promise.all([...lanes.values()].map((lane) => lane.working))
  })
}

function steer(consumer: GroupConsumer, lane: PartitionLane): void {
  const full = lane.cutter.waitingBytes >= pauseAtBytes
  if (full === lane.paused) return
  lane.paused = full
  if (full) consumer.pause([lane])
  else consumer.resume([lane])
}

/** Waits out a store that is away; a statement that the store refuses for good ends the process. */
async function persistently(scope: Scope, onRetry: () => void, insert: () => Promise<void>): Promise<void> {
  for (let pauseMs = retryFirstMs; ; pauseMs = Math.min(pauseMs * 2, retryLongestMs)) {
    try {
      await insert()
      return
    } catch (error) {
      if (!(error instanceof PenstockError) || !error.retriable || scope.signal.aborted) throw error
      onRetry()
      scope.log.warn({ err: error.message }, 'insert not done; trying again')
      await delay(pauseMs, undefined, { signal: scope.signal })
    }
  }
}

/** End of the range that a former owner announced and may have inserted; null when it had none under way. */
function announcedEnd(metadata: string): number | null {
  if (metadata === '') return null
  try {
    const { end } = JSON.parse(metadata) as { readonly end?: unknown }
    return typeof end === 'number' ? end : null
  } catch {
    return null
  }
}
