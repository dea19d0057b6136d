import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { codeVersion } from '../domain/gate/code-version.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'
import { readRun } from '../domain/rollout/run-document.ts'
import { heartbeatMs, stallMaxMs } from '../domain/routing/lease.ts'
import { topics } from '../flow.ts'
import { countDeadLetters, createDeadLetterGuard, type DeadLetterGuard } from '../platform/kafka/dead-letters.ts'
import { openTransport } from '../platform/kafka/open-transport.ts'
import { sendPersistently } from '../platform/kafka/persistent-producer.ts'
import type {
  ConsumedOffset,
  InRecord,
  OutRecord,
  RecordBatch,
  StartAt,
  Transport,
} from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { GateConfig } from './config.ts'
import { createEvaluator, type Evaluator } from './evaluator.ts'
import { createFrontier } from './frontier.ts'
import { createGateMetrics, type GateMetrics } from './gate-metrics.ts'
import { createSnapshotCollector, type SnapshotCollector } from './gate-snapshot.ts'

const evaluateMs = 100
const behindMaxMs = 5_000
const showMs = 1_000

/** Starts the gate evaluator on the broker and registry that its configuration names. */
export async function startGateEvaluator(scope: Scope, config: GateConfig): Promise<void> {
  const { registryUrl, stateDir } = config
  const opening = () => openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const codec = await persistently('opening the codec', opening, scope)
  const transport = openTransport(scope, config, { service: 'gate-evaluator', behind: 'unready' })
  await startGateOn(scope, config, { transport, codec })
}

/** The same on parts that are open already: snapshots and runs first, then evidence from where the snapshots end, then judging. */
export async function startGateOn(
  scope: Scope,
  config: Pick<GateConfig, 'gateId' | 'waitingMax' | 'unitsMax' | 'snapshotMs'>,
  parts: { readonly transport: Transport; readonly codec: Codec<Records> },
): Promise<void> {
  const { transport, codec } = parts
  const snapshots = await persistently('reading snapshots', () => readSnapshots(transport), scope)
  const producer = await transport.producer()
  scope.onStop('producer', () => producer.close())
  const limits = { waitingMax: config.waitingMax, unitsMax: config.unitsMax }
  const metrics = createGateMetrics(scope.metrics, scope.clock, limits)
  const emit = (records: readonly OutRecord[]) => {
    const begunMs = scope.clock.monoMs()
    sendPersistently(producer, records, scope)
      .then(() => {
        if (records[0]?.topic === topics.brakes.name) metrics.latched((scope.clock.monoMs() - begunMs) / 1_000)
      })
      .catch((error: unknown) => {
        if (!scope.signal.aborted) scope.fail(error)
      })
  }
  const counting = () => transport.partitionCount(topics.exchanges.name)
  const frontier = createFrontier({
    source: 'pairing',
    exchangePartitions: await persistently('counting partitions', counting, scope),
    stallMaxMs,
    behindMaxMs,
  })
  const evaluator = createEvaluator({
    gate: config.gateId,
    codeVersion,
    clock: scope.clock,
    codec,
    frontier,
    snapshots,
    limits,
    emit,
    onBreach(breach) {
      metrics.breached(breach.releaseMs)
      scope.log.warn(breach, 'breach: latch written')
    },
    onForgotten(lost) {
      metrics.forgot(lost.records)
      scope.log.warn(lost, 'evidence of an unknown run was given up: too many runs are unknown')
    },
  })
  const lettered = countDeadLetters(scope.metrics, 'gate-evaluator')
  const guard = createDeadLetterGuard()
  const deadLetter = (record: InRecord, code: string, reason: string) => {
    lettered(code)
    const { topic, partition, offset } = record
    const at = scope.clock.nowMs()
    const letter = { consumer: 'gate-evaluator', topic, partition, offset, code, reason, record_name: null, at }
    emit([{ topic: topics.deadLetters.name, key: topic, value: codec.encode('DeadLetter', letter) }])
    guard.bad(record)
  }
  scope.health.ready('sight', () => evaluator.blindness())
  // What is read before everything has been read once is judged when it has.
  let judging = false
  const onNews = () => {
    if (judging) evaluator.evaluate()
  }
  await readInputs(scope, { transport, codec, evaluator, snapshots, guard, deadLetter, onNews })
  judging = true
  beat(scope, { evaluator, emit, codec, metrics, snapshotMs: config.snapshotMs })
  const show = () => metrics.show(evaluator, frontier.readThroughMs(scope.clock.monoMs()))
  scope.onStop('metrics', scope.timers.every(showMs, show))
}

async function readSnapshots(transport: Transport): Promise<SnapshotCollector> {
  const collector = createSnapshotCollector()
  const reader = await transport.read({
    topics: [topics.snapshots.name],
    startAt: 'beginning',
    async onBatch(batch) {
      for (const { key, value } of batch.records) if (key !== null) collector.onRecord(key, value)
    },
  })
  await reader.caughtUp
  await reader.stop()
  return collector
}

interface Inputs {
  readonly transport: Transport
  readonly codec: Codec<Records>
  readonly evaluator: Evaluator
  readonly snapshots: SnapshotCollector
  readonly guard: DeadLetterGuard
  /** Throws when there is too much poison. */
  deadLetter(record: InRecord, code: string, reason: string): void
  /** Something was read that may let evidence enter: nothing is gained by waiting for the next look. */
  onNews(): void
}

async function readInputs(scope: Scope, inputs: Inputs): Promise<void> {
  const { transport, evaluator, snapshots } = inputs
  const active = new Map<string, Run>()
  const readRuns = () =>
    transport.read({
      topics: [topics.runs.name],
      startAt: 'beginning',
      async onBatch(batch) {
        for (const record of batch.records) {
          const run =
            record.value === null || record.key?.startsWith('golden/') === true
              ? null
              : readRun(record.value.toString('utf8'))
          if (run === null) continue
          if (isActive(run)) active.set(run.id, run)
          else active.delete(run.id)
          evaluator.onRun(run)
        }
      },
    })
  const runs = await scope.use('runs', () => persistently('reading runs', readRuns, scope))
  await runs.caughtUp
  const readProgress = () =>
    transport.read({
      topics: [topics.progress.name],
      startAt: 'end',
      async onBatch(batch) {
        await eachOf('Progress', batch, inputs, (value) => evaluator.onProgress(value))
        inputs.onNews()
      },
    })
  const progress = await scope.use('progress', () => persistently('reading progress', readProgress, scope))
  const readEvidence = async () =>
    transport.read({
      topics: [topics.evidence.name],
      startAt: await evidenceStart(transport, [...active.keys()], snapshots, evaluator),
      async onBatch(batch) {
        await eachOf('Evidence', batch, inputs, (value, offset) => evaluator.onEvidence(value, batch.partition, offset))
        const last = batch.records.at(-1)
        if (last !== undefined) evaluator.onEvidenceRead(batch.partition, last.offset + 1)
        inputs.onNews()
      },
    })
  const evidence = await scope.use('evidence', () => persistently('reading evidence', readEvidence, scope))
  for (const reader of [runs, progress, evidence]) reader.crashed.catch((error: unknown) => scope.fail(error))
  await evidence.caughtUp
}

/** Hands on the records of one kind; what is none goes to the dead letters and is passed over, and too much of it ends the gate. */
async function eachOf<Name extends 'Evidence' | 'Progress'>(
  name: Name,
  batch: RecordBatch,
  { codec, guard, deadLetter }: Inputs,
  onRecord: (value: Records[Name], offset: number) => void,
): Promise<void> {
  for (const record of batch.records) {
    if (record.value === null) continue
    const decoded = await codec.decode(record.value)
    if (decoded.kind === 'bad') deadLetter(record, decoded.code, decoded.reason)
    else if (decoded.name !== name) deadLetter(record, 'FOREIGN_RECORD', `a ${decoded.name} where ${name} belongs`)
    else {
      guard.good(1, batch)
      onRecord(decoded.value as Records[Name], record.offset)
    }
  }
}

/** With no active run nothing in the past matters; an active run without a snapshot needs everything. */
async function evidenceStart(
  transport: Transport,
  active: readonly string[],
  snapshots: SnapshotCollector,
  evaluator: Evaluator,
): Promise<StartAt> {
  const ends = await transport.endOffsets(topics.evidence.name)
  const heads = active.map((run) => snapshots.snapshotOf(run)?.head ?? null)
  if (heads.includes(null)) return 'beginning'
  const start: ConsumedOffset[] = ends.map((end) => ({
    ...end,
    offset: Math.min(end.offset, ...heads.map((head) => head?.restartAt[String(end.partition)] ?? 0)),
  }))
  // What lies before the start has been consumed by whoever wrote the snapshots.
  for (const { partition, offset } of start) evaluator.onEvidenceRead(partition, offset)
  return start
}

interface Beating {
  readonly evaluator: Evaluator
  readonly codec: Codec<Records>
  readonly metrics: GateMetrics
  readonly snapshotMs: number
  emit(records: readonly OutRecord[]): void
}

function beat(scope: Scope, { evaluator, emit, codec, metrics, snapshotMs }: Beating): void {
  const timers = [
    scope.timers.every(evaluateMs, () => evaluator.evaluate()),
    scope.timers.every(heartbeatMs, () => {
      const heartbeat = evaluator.heartbeat()
      metrics.beat(heartbeat !== null)
      if (heartbeat !== null)
        emit([{ topic: topics.heartbeats.name, key: heartbeat.gate, value: codec.encode('Heartbeat', heartbeat) }])
    }),
    scope.timers.every(snapshotMs, () => evaluator.snapshot()),
  ]
  scope.onStop('timers', () => {
    for (const stop of timers) stop()
  })
}
