import { createHmac } from 'node:crypto'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { redactDocument } from '../domain/redaction/redact-document.ts'
import { createRedactor, type Redactor } from '../domain/redaction/redactor.ts'
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

/** What the sink redacts with: the same value gets the same mark in every text of an installation, whose key this is. */
export function redactorOf(hashKey: string): Redactor {
  const redact = createRedactor({
    pseudonym: (kind, value) => createHmac('sha256', hashKey).update(`${kind}\u001f${value}`).digest('hex').slice(0, 8),
  })
  return (text) => redactDocument(redact, text)
}

/**
 * Starts the lanes that the configuration names: exchanges into legs, and evidence, decisions and acks into their tables. No setting turns redaction
 * off.
 */
export async function startSink(
  scope: Scope,
  config: SinkConfig,
  redact: Redactor = redactorOf(config.hashKey),
): Promise<void> {
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
  const encode = createRangeEncoder({ codec, redact, guard: createDeadLetterGuard(), deadLetter })
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
