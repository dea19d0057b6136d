import { afterEach, expect, test } from 'vitest'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { stallMaxMs } from '../domain/routing/lease.ts'
import { topics } from '../flow.ts'
import { MemoryTransport } from '../platform/kafka/memory-transport.ts'
import { createScope } from '../platform/lifecycle/process-scope.ts'
import type { Logger } from '../platform/log/logger.ts'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import { createAvroCodec } from '../platform/registry/avro-codec.ts'
import { startGateOn } from './start.ts'

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const names = Object.keys(schemaTexts) as (keyof Records & string)[]
const codec = createAvroCodec<Records>(
  schemaTexts,
  Object.fromEntries(names.map((name, index) => [name, index + 1])) as Record<keyof Records & string, number>,
  async () => null,
)
let ms = 1_000_000
const clock = { nowMs: () => ms, monoMs: () => ms }

const scope = createScope({
  log: quiet,
  metrics: createPrometheusMetrics(),
  clock,
  timers: { every: () => () => undefined, wait: () => Promise.resolve() },
  deadlineMs: 1_000,
})
afterEach(() => scope.stop())

test('a gate is ready while it sees, and says why when it does not', async () => {
  const broker = new MemoryTransport(clock)
  await broker.ensureTopics(Object.values(topics).map(({ name }) => ({ name, partitions: 1, config: {} })))
  const config = { gateId: 'g', waitingMax: 10, unitsMax: 10, snapshotMs: 1_000 }
  await startGateOn(scope, config, { transport: broker, codec })
  const reasons = () => scope.report().unready
  expect(reasons()).toEqual([{ name: 'sight', why: 'no progress of exchange partition 0 yet' }])

  const progress: Records['Progress'] = {
    source: 'pairing',
    exchange_partition: 0,
    read_through: ms,
    evidence_offsets: {},
    planned: 0,
    paired: 0,
    skipped: 0,
    lost: 0,
    tap_drops: 0,
    late: 0,
  }
  const producer = await broker.producer()
  await producer.send([{ topic: topics.progress.name, key: 'p', value: codec.encode('Progress', progress) }])
  await new Promise((resolve) => setImmediate(resolve))
  expect(reasons()).toEqual([])

  ms += stallMaxMs
  expect(reasons()).toEqual([{ name: 'sight', why: `exchange partition 0 has not advanced for ${stallMaxMs} ms` }])
  expect(scope.report().unlive).toEqual([])
})
