import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { topics } from '../flow.ts'
import { openClickHouse } from '../platform/clickhouse/clickhouse-store.ts'
import { countDeadLetters, createDeadLetterGuard } from '../platform/kafka/dead-letters.ts'
import { openTransport } from '../platform/kafka/open-transport.ts'
import { sendPersistently } from '../platform/kafka/persistent-producer.ts'
import type { InRecord } from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { SinkConfig } from './config.ts'
import { createRangeEncoder } from './encode-range.ts'
import { startLane } from './lane.ts'

/** Starts the lanes that the configuration names: exchanges into legs, and evidence, decisions and acks into their tables. */
export async function startSink(scope: Scope, config: SinkConfig): Promise<void> {
  const { registryUrl, stateDir } = config
  const opening = () => openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const codec = await persistently('opening the codec', opening, scope)
  const transport = openTransport(scope, config, { service: 'sink', behind: 'unready' })
  const store = await scope.use('store', () =>
    openClickHouse({
      url: config.clickhouseUrl,
      user: config.clickhouseUser,
      password: config.clickhousePassword,
      database: config.clickhouseDatabase,
    }),
  )
  const producer = await transport.producer()
  scope.onStop('producer', () => producer.close())
  const lettered = countDeadLetters(scope.metrics, 'sink')
  const deadLetter = async (record: InRecord, code: string, reason: string) => {
    lettered(code)
    const { topic, partition, offset } = record
    const letter = {
      consumer: 'sink',
      topic,
      partition,
      offset,
      code,
      reason,
      record_name: null,
      at: scope.clock.nowMs(),
    }
    await sendPersistently(
      producer,
      [{ topic: topics.deadLetters.name, key: topic, value: codec.encode('DeadLetter', letter) }],
      scope,
    )
  }
  const encode = createRangeEncoder({ codec, hashKey: config.hashKey, guard: createDeadLetterGuard(), deadLetter })
  const policy = { recordsMax: config.recordsMax, bytesMax: config.bytesMax, waitMaxMs: config.waitMaxMs }
  const lanes = [
    { groupId: 'sink-exchanges', name: 'exchanges', topics: [topics.exchanges.name] },
    {
      groupId: 'sink-evidence',
      name: 'evidence',
      topics: [topics.evidence.name, topics.decisions.name, topics.acks.name],
    },
  ]
  for (const lane of lanes) {
    if (config.lanes !== 'both' && config.lanes !== lane.name) continue
    await startLane(scope, { groupId: lane.groupId, topics: lane.topics, policy, store, transport, encode })
  }
}
