import { setTimeout as delay } from 'node:timers/promises'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { topics } from '../flow.ts'
import { createDeadLetterGuard } from '../platform/kafka/dead-letters.ts'
import { createKafkajsTransport } from '../platform/kafka/kafkajs-transport.ts'
import { sendPersistently } from '../platform/kafka/persistent-producer.ts'
import type { GroupConsumer, InRecord, OutRecord, Transport } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { PairingConfig } from './config.ts'
import { createPairingService, type PairingService } from './pairing-service.ts'
import { createRunCatalogue } from './run-catalogue.ts'

const tickMs = 500
const unknownRunWaitMs = 5_000

/** Starts pairing on the broker and registry that its configuration names. */
export async function startPairing(scope: Scope, config: PairingConfig): Promise<void> {
  const { brokers, registryUrl, stateDir, topicPrefix } = config
  const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const transport = createKafkajsTransport({ clientId: 'pairing', brokers, topicPrefix, log: scope.log })
  scope.onStop('transport', () => transport.close())
  await startPairingOn(scope, config, { transport, codec })
}

/** The same on parts that are open already. */
async function startPairingOn(
  scope: Scope,
  config: Pick<PairingConfig, 'groupId' | 'openMax'>,
  parts: { readonly transport: Transport; readonly codec: Codec<Records> },
): Promise<void> {
  const { transport, codec } = parts
  const { log, signal, clock } = scope
  const producer = await transport.producer()
  scope.onStop('producer', () => producer.close())
  const send = (records: readonly OutRecord[]) => sendPersistently(producer, records, { signal, log })
  const runs = createRunCatalogue()
  const runsReader = await scope.use('runs', () =>
    transport.read({
      topics: [topics.runs.name],
      startAt: 'beginning',
      async onBatch(batch) {
        for (const record of batch.records) runs.onRecord(record)
      },
    }),
  )
  await runsReader.caughtUp
  const guard = createDeadLetterGuard()
  const lettered = scope.metrics.counter('penstock_dead_letters_total', 'Records that could not be used', ['code'])
  const service = createPairingService({
    codec,
    clock,
    runs,
    openMax: config.openMax,
    send,
    onLost: (cause) => {
      if (!signal.aborted) scope.fail(cause)
    },
    resumeThroughMs: (partition) => published.get(partition) ?? 0,
    async deadLetter(record, code, reason) {
      lettered.add(1, { code })
      await send([deadLetterRecord(codec, 'pairing', record, code, reason, clock.nowMs())])
      guard.bad(record)
    },
    async waitForRun(run) {
      for (const endMs = clock.monoMs() + unknownRunWaitMs; runs.facts(run) === null && clock.monoMs() < endMs; )
        await delay(20, undefined, { signal })
    },
  })
  const published = new Map<number, number>()
  const consumer = await scope.use('exchanges', () =>
    transport.consume({
      groupId: config.groupId,
      topics: [topics.exchanges.name],
      async onAssigned(partitions) {
        await readPublished(transport, codec, published)
        service.onAssigned(partitions)
      },
      onRevoked: (partitions) => service.onRevoked(partitions),
      async onBatch(batch) {
        await service.onBatch(batch)
        guard.good(batch.records.length, batch)
      },
      onCaughtUp: (partition, endOffset) => service.onCaughtUp(partition, endOffset),
    }),
  )
  for (const crashed of [runsReader.crashed, consumer.crashed]) crashed.catch((error: unknown) => scope.fail(error))
  keepTime(scope, service, consumer)
}

/** Publishes progress and commits, twice a second. */
function keepTime(scope: Scope, service: PairingService, consumer: GroupConsumer): void {
  const open = scope.metrics.gauge('penstock_pairing_open_exchanges', 'Exchanges whose last horizon is still to come')
  let busy = false
  const tick = async () => {
    await service.tick()
    await consumer.commit(service.commitOffsets())
    open.set([...service.partitions.values()].reduce((sum, { join }) => sum + join.open.size, 0))
  }
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    tick()
      .catch((error: unknown) => {
        if (!scope.signal.aborted) scope.log.warn({ err: String(error) }, 'progress not published; trying again')
      })
      .finally(() => {
        busy = false
      })
  }, tickMs)
  scope.onStop('ticks', () => clearInterval(timer))
}

/** How far each partition was published by whoever owned it before: evidence below that has been made. */
async function readPublished(
  transport: Transport,
  codec: Codec<Records>,
  published: Map<number, number>,
): Promise<void> {
  const reader = await transport.read({
    topics: [topics.progress.name],
    startAt: 'beginning',
    async onBatch(batch) {
      for (const record of batch.records) {
        const decoded = record.value === null ? null : await codec.decode(record.value)
        if (decoded?.kind !== 'record' || decoded.name !== 'Progress' || decoded.value.source !== 'pairing') continue
        const { exchange_partition: partition, read_through: through } = decoded.value
        published.set(partition, Math.max(published.get(partition) ?? 0, through))
      }
    },
  })
  await reader.caughtUp
  await reader.stop()
}

function deadLetterRecord(
  codec: Codec<Records>,
  consumer: string,
  record: InRecord,
  code: string,
  reason: string,
  nowMs: number,
): OutRecord {
  const { topic, partition, offset } = record
  return {
    topic: topics.deadLetters.name,
    key: topic,
    value: codec.encode('DeadLetter', {
      consumer,
      topic,
      partition,
      offset,
      code,
      reason,
      record_name: null,
      at: nowMs,
    }),
  }
}
