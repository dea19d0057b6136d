import { setTimeout as delay } from 'node:timers/promises'
import type { Records } from '../../services/domain/events/records.ts'
import { releaseTimeOf } from '../../services/domain/gate/run-gate.ts'
import type { Run } from '../../services/domain/rollout/run.ts'
import { readRun } from '../../services/domain/rollout/run-document.ts'
import { topics } from '../../services/flow.ts'
import { startPairingOn } from '../../services/pairing/start.ts'
import type { OutRecord, Transport, Written } from '../../services/platform/kafka/transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import type { ProjectingCodec } from '../../services/platform/registry/codec.ts'
import { eachRecord } from '../support/each-record.ts'
import { silentLog } from '../support/silent-log.ts'

/** Evidence as a pairing made it of the same log to which nothing happened. */
export interface UndisturbedEvidence {
  /** Id → run, when it may enter, and its bytes. */
  readonly byId: ReadonlyMap<string, { readonly run: string; readonly releaseMs: number; readonly value: Buffer }>
  /** Ids that the undisturbed pairing itself made twice. */
  readonly double: number
}

/** Beyond every horizon, start delay and grace of the runs of a ledger. */
const afterwardsMs = 12_000

/** The runs as they stand on the log. */
export async function readRuns(transport: Transport): Promise<ReadonlyMap<string, Run>> {
  const runs = new Map<string, Run>()
  await eachRecord(transport, topics.runs.name, ({ value }) => {
    const run = value === null ? null : readRun(value.toString('utf8'))
    if (run !== null) runs.set(run.id, run)
  })
  return runs
}

/**
 * Reads the exchanges again from the beginning with a pairing of its own group that has no past, and whose evidence goes nowhere. `lastAppendMs` is when the
 * last of them was appended.
 */
export async function undisturbedEvidence(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  runs: ReadonlyMap<string, Run>,
  lastAppendMs: number,
): Promise<UndisturbedEvidence> {
  const byId = new Map<string, { readonly run: string; readonly releaseMs: number; readonly value: Buffer }>()
  const reached = new Map<number, number>()
  let double = 0
  const scope = createScope({
    log: silentLog,
    metrics: createPrometheusMetrics(),
    clock: systemClock,
    deadlineMs: 10_000,
  })
  const take = async ({ value }: OutRecord): Promise<void> => {
    const decoded = value === null ? null : await codec.decode(value)
    if (value === null || decoded?.kind !== 'record') return
    if (decoded.name === 'Progress') reached.set(decoded.value.exchange_partition, decoded.value.read_through)
    if (decoded.name !== 'Evidence') return
    const { id, place } = decoded.value
    if (byId.has(id)) double += 1
    const plan = runs.get(place.run)?.plan
    byId.set(id, { run: place.run, releaseMs: plan === undefined ? 0 : releaseTimeOf(plan, decoded.value), value })
  }
  const producer = await transport.producer()
  scope.onStop('producer', () => producer.close())
  const send = async (records: readonly OutRecord[]): Promise<readonly Written[]> => {
    const written: Written[] = []
    for (const record of records) {
      // Marks of quiet partitions are the only way in which its time moves at the end of the log.
      if (record.topic === topics.exchanges.name) written.push(...(await producer.send([record])))
      else written.push({ topic: record.topic, partition: 0, offset: 0 })
      await take(record)
    }
    return written
  }
  const withoutPast: Transport = {
    ...transport,
    // What the disturbed pairing has published is not this one's past.
    endOffsets: async (topic) => (topic === topics.progress.name ? [] : transport.endOffsets(topic)),
    read: (options) =>
      options.topics.includes(topics.progress.name) ? Promise.resolve(nothingToRead) : transport.read(options),
  }
  const failed = scope.failed.then((cause) => {
    throw cause
  })
  const settled = async () => {
    while (reached.size < topics.exchanges.partitions || Math.min(...reached.values()) < lastAppendMs + afterwardsMs)
      await delay(200)
  }
  try {
    const started = startPairingOn(
      scope,
      { groupId: 'undisturbed', openMax: 200_000 },
      { transport: withoutPast, codec, send, letter: async () => undefined },
    )
    await Promise.race([started.then(settled), failed])
  } finally {
    await scope.stop()
  }
  return { byId, double }
}

const nothingToRead = {
  caughtUp: Promise.resolve(),
  crashed: new Promise<never>(() => undefined),
  stop: async () => undefined,
}
