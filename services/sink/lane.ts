import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { GroupConsumer, InRecord, Transport } from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { type BatchCutter, type CutPolicy, createBatchCutter, type Span } from './batch-cutter.ts'
import { createRangeInserter, type EncodedRange } from './insert-range.ts'

export interface LaneOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  readonly policy: CutPolicy
  readonly store: Pick<ClickHouseStore, 'insertRowBinary'>
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
  /** Append time of the first record of the range that is being inserted. */
  insertingMs: number | null
}

const pollMs = 100
/** Waiting bytes per partition at which the partition is no longer fetched; never less than two inserts, or an announced one could not be cut again. */
const pauseAtBytesMin = 32 * 1024 * 1024

/**
 * Writes a lane's records into the store exactly once: announce the range in the metadata of the committed offset, insert with a token made of
 * it, commit its end. Whatever dies in between, the next owner cuts the same range and goes on with its attempts. While the store is away
 * partitions are paused and the log keeps the rest.
 */
export async function startLane(scope: Scope, options: LaneOptions): Promise<void> {
  const lanes = new Map<string, PartitionLane>()
  const pauseAtBytes = Math.max(pauseAtBytesMin, 2 * options.policy.bytesMax)
  const show = createGauges(scope, options.groupId, pauseAtBytes)
  const idOf = (topic: string, partition: number) => `${topic}/${partition}`

  /** Until the consumer is known there is nothing to insert with: the first turn begins. */
  let begin: (lane: PartitionLane) => void = () => undefined
  const join = () =>
    options.transport.consume({
      groupId: options.groupId,
      topics: options.topics,
      async onAssigned(partitions) {
        for (const { topic, partition, committed, metadata } of partitions) {
          lanes.set(idOf(topic, partition), {
            topic,
            partition,
            cutter: createBatchCutter(options.policy, announcedSpan(committed, metadata)),
            working: Promise.resolve(),
            paused: false,
            insertingMs: null,
          })
        }
      },
      onRevoked(partitions) {
        for (const { topic, partition } of partitions) lanes.delete(idOf(topic, partition))
      },
      async onBatch(batch) {
        const lane = lanes.get(idOf(batch.topic, batch.partition))
        if (lane === undefined) return
        lane.cutter.add(batch.records)
        begin(lane)
      },
    })
  const consumer: GroupConsumer = await scope.use(`lane-${options.groupId}`, () =>
    persistently('joining the group', join, scope),
  )
  consumer.crashed.catch((error: unknown) => scope.fail(error))

  const owned = (lane: PartitionLane) => !scope.signal.aborted && lanes.get(idOf(lane.topic, lane.partition)) === lane
  const insert = createRangeInserter<PartitionLane>({ ...options, scope, consumer, owned })

  const work = async (lane: PartitionLane) => {
    while (owned(lane)) {
      const range = lane.cutter.cut(scope.clock.monoMs())
      if (range === null) return
      lane.insertingMs = range.records[0]?.timestampMs ?? null
      if (!(await insert(lane, range))) return
      lane.insertingMs = null
    }
  }

  const busy = new Set<PartitionLane>()
  const loop = scope.health.loop(`inserting for ${options.groupId}`)
  // A range that is full is begun as soon as it is; turns are for those that are old enough.
  begin = (lane) => {
    if (busy.has(lane)) return
    busy.add(lane)
    const done = loop.begin()
    lane.working = work(lane)
      .catch((error: unknown) => {
        if (!scope.signal.aborted) scope.fail(error)
      })
      .finally(() => {
        busy.delete(lane)
        done()
      })
  }
  const stopTurns = scope.timers.every(pollMs, () => {
    for (const lane of lanes.values()) {
      steer(consumer, lane, pauseAtBytes)
      begin(lane)
    }
    show([...lanes.values()])
  })
  scope.onStop(`lane-${options.groupId}-work`, async () => {
    stopTurns()
    await Promise.all([...lanes.values()].map((lane) => lane.working))
  })
}

function createGauges(scope: Scope, group: string, pauseAtBytes: number): (lanes: readonly PartitionLane[]) => void {
  const waiting = scope.metrics.gauge('penstock_sink_waiting_bytes', 'Bytes waiting for an insert', ['group'])
  const behind = scope.metrics.gauge('penstock_sink_behind_seconds', 'Age of the oldest record not yet stored', [
    'group',
  ])
  const limit = scope.metrics.gauge('penstock_sink_waiting_bytes_limit', 'Waiting bytes at which no more is fetched', [
    'group',
  ])
  return (lanes) => {
    waiting.set(
      lanes.reduce((sum, lane) => sum + lane.cutter.waitingBytes, 0),
      { group },
    )
    limit.set(pauseAtBytes * lanes.length, { group })
    const nowMs = scope.clock.nowMs()
    behind.set(Math.max(0, ...lanes.map((lane) => nowMs - (oldestMs(lane) ?? nowMs))) / 1_000, { group })
  }
}

function oldestMs(lane: PartitionLane): number | null {
  return lane.insertingMs ?? lane.cutter.oldestAppendMs
}

/** A consumer that starts over forgets what was paused, so a full lane is paused at every turn. */
function steer(consumer: GroupConsumer, lane: PartitionLane, pauseAtBytes: number): void {
  const full = lane.cutter.waitingBytes >= pauseAtBytes
  try {
    if (full) consumer.pause([lane])
    else if (lane.paused) consumer.resume([lane])
    lane.paused = full
  } catch {
    // The consumer is starting over, with a broker that is away: it fetches nothing that could be held up, and the next turn tries again.
  }
}

/** The range that a former owner announced and may have inserted; null when it had none under way. */
function announcedSpan(committed: number | null, metadata: string): Span | null {
  if (metadata === '' || committed === null) return null
  try {
    const { end, token, attempts = 1 } = JSON.parse(metadata) as { readonly [Key in keyof Span]?: unknown }
    if (typeof end !== 'number' || typeof token !== 'string' || typeof attempts !== 'number') return null
    return { start: committed, end, token, attempts }
  } catch {
    return null
  }
}
