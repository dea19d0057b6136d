import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { compilePlan } from '../domain/gate/compile-plan.ts'
import { refusal, refusalDecides, sampleEvidence, sampleSpec } from '../domain/gate/sample-evidence.ts'
import { writeRun } from '../domain/rollout/run-document.ts'
import { startedRun } from '../domain/rollout/sample-run.ts'
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

/** Nothing is ever done because time has passed. */
const openScope = () =>
  createScope({
    log: quiet,
    metrics: createPrometheusMetrics(),
    clock,
    timers: { every: () => () => undefined, wait: () => Promise.resolve() },
    deadlineMs: 1_000,
  })
let scope = openScope()
beforeEach(() => {
  scope = openScope()
})
afterEach(() => scope.stop())

const config = { gateId: 'g', waitingMax: 1_000, unitsMax: 1_000, snapshotMs: 1_000 }

async function openBroker(): Promise<MemoryTransport> {
  const broker = new MemoryTransport(clock)
  await broker.ensureTopics(Object.values(topics).map(({ name }) => ({ name, partitions: 1, config: {} })))
  return broker
}

function progressTo(readThrough: number, evidenceOffsets: Records['Progress']['evidence_offsets']): Buffer {
  const counts = { planned: 0, paired: 0, skipped: 0, lost: 0, tap_drops: 0, late: 0 }
  const reached = { read_through: readThrough, evidence_offsets: evidenceOffsets }
  return codec.encode('Progress', { source: 'pairing', exchange_partition: 0, ...reached, ...counts })
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a gate is ready while it sees, and says why when it does not', async () => {
  const broker = await openBroker()
  await startGateOn(scope, config, { transport: broker, codec })
  const reasons = () => scope.report().unready
  expect(reasons()).toEqual([{ name: 'sight', why: 'no progress of exchange partition 0 yet' }])

  const producer = await broker.producer()
  await producer.send([{ topic: topics.progress.name, key: 'p', value: progressTo(ms, {}) }])
  await turn()
  expect(reasons()).toEqual([])

  ms += stallMaxMs
  expect(reasons()).toEqual([{ name: 'sight', why: `exchange partition 0 has not advanced for ${stallMaxMs} ms` }])
  expect(scope.report().unlive).toEqual([])
})

test.each(['evidence', 'progress'] as const)(
  'a breach latches as soon as the %s that lets it enter is read',
  async (last) => {
    const spec = sampleSpec({ metrics: refusalDecides })
    const run = { ...startedRun(spec), plan: compilePlan(spec) }
    const broker = await openBroker()
    const producer = await broker.producer()
    await producer.send([{ topic: topics.runs.name, key: run.id, value: Buffer.from(writeRun(run)) }])
    await startGateOn(scope, config, { transport: broker, codec })
    const pairs = Array.from({ length: 100 }, (_, index) =>
      sampleEvidence(index, { place: { ...sampleEvidence(index).place, run: run.id }, metrics: [refusal(0, 1)] }),
    )
    const evidence = pairs.map((pair) => ({
      topic: topics.evidence.name,
      key: run.id,
      value: codec.encode('Evidence', pair),
    }))
    const progress = [{ topic: topics.progress.name, key: 'p', value: progressTo(2_000_000, { '0': evidence.length }) }]
    const latches = async () => (await broker.endOffsets(topics.brakes.name))[0]?.offset
    for (const records of last === 'progress' ? [evidence, progress] : [progress, evidence]) {
      expect(await latches()).toBe(0)
      await producer.send(records)
      await turn()
    }
    expect(await latches()).toBe(1)
  },
)
