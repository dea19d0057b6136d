import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { deploy, subjectPrefix } from '../../scripts/deploy-installation.ts'
import type { ServiceProcess } from '../../scripts/installation/service-process.ts'
import type { Command, DeadLetter, Evidence, Heartbeat, Latch, Records } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { refusalDecides } from '../../services/domain/gate/sample-evidence.ts'
import type { Verdict } from '../../services/domain/gate/verdict.ts'
import { writeRun } from '../../services/domain/rollout/run-document.ts'
import { shortSpec, startedRun } from '../../services/domain/rollout/sample-run.ts'
import { topics } from '../../services/flow.ts'
import { loadGateConfig } from '../../services/gate-evaluator/config.ts'
import type { GateSnapshot } from '../../services/gate-evaluator/gate-snapshot.ts'
import { startGateEvaluator } from '../../services/gate-evaluator/start.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Producer, Transport } from '../../services/platform/kafka/transport.ts'
import { createScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import { planOf } from '../simulation/virtual-run.ts'
import { readTopic } from '../support/read-topic.ts'
import { startTestService } from '../support/service.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers } from '../support/stack.ts'

const { kafka, registry } = testServers()
const topicPrefix = `gate-${randomUUID().slice(0, 8)}-`
const stateDir = mkdtempSync(join(tmpdir(), 'penstock-gate-'))
const logPath = join(stateDir, 'gate.log')
const plan = planOf({
  legTimeout: '3s',
  shadow: { startWithin: '1s' },
  metrics: refusalDecides,
})
const baseMs = 1_800_000_000_000
const environment = {
  PENSTOCK_KAFKA_BROKERS: kafka.brokers,
  PENSTOCK_TOPIC_PREFIX: topicPrefix,
  PENSTOCK_REGISTRY_URL: registry.url,
  PENSTOCK_STATE_DIR: stateDir,
  PENSTOCK_GATE_ID: 'gate-1',
  PENSTOCK_GATE_SNAPSHOT_MS: '300',
}
let transport: Transport
let producer: Producer
let codec: Codec<Records>

function startGate(): ServiceProcess {
  const gate = startTestService({ service: 'gate-evaluator', logPath, environment })
  onTestFinished(() => gate.kill())
  return gate
}

async function readAll<Value>(topic: string): Promise<readonly Value[]> {
  return (await readTopic(transport, codec, topic)).map(({ value }) => value as Value)
}

/** The head of a run's last snapshot; undefined before its first. */
async function headOf(run: string): Promise<GateSnapshot | undefined> {
  let head: GateSnapshot | undefined
  const reader = await transport.read({
    topics: [topics.snapshots.name],
    startAt: 'beginning',
    async onBatch(batch) {
      for (const { key, value } of batch.records)
        if (key === run && value !== null) head = JSON.parse(value.toString('utf8')) as GateSnapshot
    },
  })
  await reader.caughtUp
  await reader.stop()
  return head
}

/** What the gate last said of a run. */
const verdictOf = async (run: string): Promise<Verdict | undefined> => (await headOf(run))?.verdict

const latchesOf = async (run: string) => (await readAll<Latch>(topics.brakes.name)).filter((latch) => latch.run === run)
const beatsOf = async (run: string) =>
  (await readAll<Heartbeat>(topics.heartbeats.name)).filter(({ armed }) => armed.some((entry) => entry.run === run))

async function startRun(id: string): Promise<void> {
  const started = startedRun(shortSpec())
  const value = Buffer.from(writeRun({ ...started, id, route: `route-${id}`, plan }))
  await producer.send([{ topic: topics.runs.name, key: id, value }])
}

/** One pair a second; the runs one after another, because the frontier never goes back. */
const runStartsMs: Readonly<Record<string, number>> = { killed: 0, whole: 200_000, harmed: 400_000 }
const arrivalOf = (run: string, index: number) => baseMs + (runStartsMs[run] ?? 0) + index * 1_000

/** Pairs of one run: the candidate alone refuses when told to. */
function pairs(run: string, from: number, count: number, isRefused: (index: number) => boolean): readonly Evidence[] {
  return Array.from({ length: count }, (_, step): Evidence => {
    const index = from + step
    return {
      id: `${run}-${String(index).padStart(6, '0')}`,
      version: 0,
      place: { run, wave: 'all', stage_entry: 1, stage: 'shadow', epoch: 5, rule: 'all', candidate_weight: 0 },
      exchange_id: `x${index}`,
      comparison: 'content_ab',
      source: 'pairing',
      horizon_ms: plan.legTimeoutMs,
      arrived_at: arrivalOf(run, index),
      arm: null,
      baseline_resolution: 'answered',
      candidate_resolution: 'answered',
      unit: `unit-${index}`,
      assignment_unit: `key-${index}`,
      turn: 0,
      tenant: 't',
      segments: {},
      inclusion_p: 1,
      metrics: [{ name: 'refusal', baseline: 0, candidate: isRefused(index) ? 1 : 0 }],
      late: false,
    }
  })
}

async function sendEvidence(evidence: readonly Evidence[]): Promise<void> {
  const encoded = evidence.map((entry) => codec.encode('Evidence', entry))
  await producer.send(
    encoded.map((value, index) => ({ topic: topics.evidence.name, key: evidence[index]?.place.run ?? '', value })),
  )
}

/** Says that the partitions have been read through `readThroughMs`, and that this covers all evidence there is. */
async function sendProgress(readThroughMs: number, partitions: readonly number[]): Promise<void> {
  const ends = await transport.endOffsets(topics.evidence.name)
  const offsets = Object.fromEntries(ends.map(({ partition, offset }) => [String(partition), offset]))
  const none = { planned: 0, paired: 0, skipped: 0, lost: 0, tap_drops: 0, late: 0 }
  const said = { ...none, source: 'pairing', read_through: readThroughMs, evidence_offsets: offsets }
  await producer.send(
    partitions.map((partition) => ({
      topic: topics.progress.name,
      key: `pairing/${partition}`,
      value: codec.encode('Progress', { ...said, exchange_partition: partition }),
    })),
  )
}

const allPartitions = Array.from({ length: topics.exchanges.partitions }, (_, index) => index)
let readThroughMs = baseMs

/** Goes on saying that everything has been read, a little later each time, until `check` holds. */
async function until(check: () => Promise<void>, throughMs: number): Promise<void> {
  readThroughMs = Math.max(readThroughMs, throughMs)
  await vi.waitFor(
    async () => {
      readThroughMs += 1
      await sendProgress(readThroughMs, allPartitions)
      await check()
    },
    { timeout: 60_000, interval: 400 },
  )
}

/** Release time of a pair. */
const releaseOf = (run: string, index: number) =>
  arrivalOf(run, index) + plan.shadowStartDelayMs + plan.legTimeoutMs + plan.graceMs

beforeAll(async () => {
  transport = createKafkajsTransport({ clientId: 'gate-test', brokers: kafka.brokers, topicPrefix, log: silentLog })
  await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
  codec = await openCodec<Records>({ registryUrl: registry.url, stateDir, subjectPrefix, schemaTexts })
  producer = await transport.producer()
})

afterAll(async () => {
  await producer?.close()
  await transport?.close()
  rmSync(stateDir, { recursive: true, force: true })
})

describe('the gate on a real broker', () => {
  it('beats while armed, passes over garbage, is killed, and says the same as a gate that was not', async () => {
    await startRun('killed')
    let gate = startGate()
    const refusedHere = (index: number) => index % 9 === 0
    const all = pairs('killed', 0, 22, refusedHere)
    await sendEvidence(all.slice(0, 10))
    await until(async () => expect((await verdictOf('killed'))?.n).toBe(10), releaseOf('killed', 9))
    await until(async () => expect((await beatsOf('killed')).length).toBeGreaterThan(0), 0)
    // Half waits for the frontier when the gate dies.
    await sendEvidence([...all.slice(10, 22), ...all.slice(4, 8)])
    await until(async () => expect((await verdictOf('killed'))?.n).toBe(15), releaseOf('killed', 14))
    await gate.kill()
    const before = await headOf('killed')
    const garbage = [Buffer.from('no avro at all'), Buffer.from([0, 0, 15, 66, 64, 1, 2, 3]), Buffer.alloc(0)]
    await producer.send(garbage.map((value) => ({ topic: topics.evidence.name, key: 'killed', value })))
    gate = startGate()
    await until(async () => expect((await headOf('killed'))?.atMs).not.toBe(before?.atMs), 0)
    expect((await verdictOf('killed'))?.metrics).toEqual(before?.verdict.metrics)
    await until(async () => expect((await verdictOf('killed'))?.n).toBe(22), releaseOf('killed', 21))
    const letters = await readAll<DeadLetter>(topics.deadLetters.name)
    expect(letters.filter(({ consumer }) => consumer === 'gate-evaluator').map(({ code }) => code)).toEqual(
      expect.arrayContaining(['NOT_CONFLUENT', 'UNKNOWN_SCHEMA']),
    )
    expect(gate.running).toBe(true)

    // The same evidence for a run whose gate lives on: in one batch, another order.
    await startRun('whole')
    await sendEvidence(pairs('whole', 0, 22, refusedHere).toReversed())
    await until(async () => expect((await verdictOf('whole'))?.n).toBe(22), releaseOf('whole', 21))
    expect((await verdictOf('whole'))?.metrics).toEqual((await verdictOf('killed'))?.metrics)
    expect(readFileSync(logPath, 'utf8')).not.toContain('no avro at all')
  })

  it('latches decisive harm once, and a restart repeats that very latch', async () => {
    await startRun('harmed')
    let gate = startGate()
    await sendEvidence(pairs('harmed', 0, 60, () => true))
    await until(async () => expect(await latchesOf('harmed')).toHaveLength(1), releaseOf('harmed', 59))
    await until(async () => expect((await verdictOf('harmed'))?.outcome).toBe('rollback'), 0)
    const [latch] = await latchesOf('harmed')
    expect(latch).toMatchObject({ route: 'route-harmed', by: 'gate/gate-1' })
    await until(async () => {
      const told = (await readAll<Command>(topics.commands.name)).filter(({ run }) => run === 'harmed')
      expect(told.map(({ kind }) => kind)).toEqual(['verdict'])
    }, 0)
    await gate.kill()
    gate = startGate()
    await sendEvidence(pairs('harmed', 60, 20, () => true))
    await until(async () => expect((await verdictOf('harmed'))?.n).toBe(80), releaseOf('harmed', 79))
    for (const again of await latchesOf('harmed')) expect(again).toEqual(latch)
    expect(gate.running).toBe(true)
  })

  it('falls silent when one partition has not advanced for 15 s of its clock, and beats again when it does', async () => {
    await startRun('blind')
    let monoMs = 0
    const clock = { nowMs: () => monoMs, monoMs: () => monoMs }
    const metrics = createPrometheusMetrics()
    const scope = createScope({ log: silentLog, metrics, clock, deadlineMs: 10_000 })
    onTestFinished(async () => void (await scope.stop()))
    vi.stubEnv('PENSTOCK_GATE_ID', 'gate-blind')
    for (const [name, value] of Object.entries(environment)) if (name !== 'PENSTOCK_GATE_ID') vi.stubEnv(name, value)
    onTestFinished(() => void vi.unstubAllEnvs())
    await startGateEvaluator(scope, loadGateConfig([]))
    const sentAt = async () =>
      (await beatsOf('blind')).filter(({ gate }) => gate === 'gate-blind').map((beat) => beat.sent_at)
    const withheld = async () =>
      Number(/penstock_gate_heartbeats_total\{[^}]*sent="false"[^}]*\} (\d+)/.exec(await metrics.text())?.[1] ?? 0)
    await until(async () => expect(await sentAt()).toContain(0), 0)
    monoMs = 10_000
    await vi.waitFor(
      async () => {
        readThroughMs += 1
        await sendProgress(readThroughMs, allPartitions.slice(1))
        expect(await sentAt()).toContain(10_000)
      },
      { timeout: 30_000, interval: 400 },
    )
    monoMs = 15_000
    const silentBefore = await withheld()
    await vi.waitFor(
      async () => {
        readThroughMs += 1
        await sendProgress(readThroughMs, allPartitions.slice(1))
        expect(await withheld()).toBeGreaterThanOrEqual(silentBefore + 3)
      },
      { timeout: 30_000, interval: 400 },
    )
    monoMs = 16_000
    await until(async () => expect(await sentAt()).toContain(16_000), 0)
    expect(await sentAt()).not.toContain(15_000)
  })
})
