import { createHmac } from 'node:crypto'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { createRedactor } from '../domain/redaction/redactor.ts'
import { topics } from '../flow.ts'
import { openClickHouse } from '../platform/clickhouse/clickhouse-store.ts'
import { createRowBinaryWriter, type RowBinaryWriter } from '../platform/clickhouse/row-binary.ts'
import { createDeadLetterGuard } from '../platform/kafka/dead-letters.ts'
import { createKafkajsTransport } from '../platform/kafka/kafkajs-transport.ts'
import { sendPersistently } from '../platform/kafka/persistent-producer.ts'
import type { InRecord } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { SinkConfig } from './config.ts'
import { type EncodedRange, startLane } from './lane.ts'
import { type Table, writeAck, writeDecision, writeEvidence, writeRequest, writeResponse } from './rows.ts'

/** Starts the lanes that the configuration names: exchanges into legs, and evidence, decisions and acks into their tables. */
export async function startSink(scope: Scope, config: SinkConfig): Promise<void> {
  const { brokers, registryUrl, stateDir, topicPrefix } = config
  const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const transport = createKafkajsTransport({ clientId: 'sink', brokers, topicPrefix, log: scope.log })
  scope.onStop('transport', () => transport.close())
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
  const guard = createDeadLetterGuard()
  const deadLetter = async (record: InRecord, code: string, reason: string) => {
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
    guard.bad(record)
  }
  const encode = createEncoder(codec, config.hashKey, deadLetter)
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

function createEncoder(
  codec: Codec<Records>,
  hashKey: string,
  deadLetter: (record: InRecord, code: string, reason: string) => Promise<void>,
) {
  const redact = createRedactor({
    pseudonym: (kind, value) => createHmac('sha256', hashKey).update(`${kind}\u001f${value}`).digest('hex').slice(0, 8),
  })
  return async (records: readonly InRecord[]): Promise<EncodedRange> => {
    const writers = new Map<Table, { readonly writer: RowBinaryWriter; rows: number }>()
    const to = (table: Table): RowBinaryWriter => {
      const entry = writers.get(table) ?? { writer: createRowBinaryWriter(), rows: 0 }
      writers.set(table, entry)
      entry.rows += 1
      return entry.writer
    }
    for (const record of records) {
      const decoded = record.value === null ? null : await codec.decode(record.value)
      if (decoded === null) continue
      if (decoded.kind === 'bad') {
        await deadLetter(record, decoded.code, decoded.reason)
        continue
      }
      switch (decoded.name) {
        case 'Request':
          writeRequest(to('legs'), decoded.value, record.timestampMs, redact)
          break
        case 'Response':
          writeResponse(to('legs'), decoded.value, record.timestampMs, redact)
          break
        case 'Evidence':
          writeEvidence(to('evidence'), decoded.value)
          break
        case 'Decision':
          writeDecision(to('decisions'), decoded.value)
          break
        case 'Ack':
          writeAck(to('acks'), decoded.value)
          break
        default:
          break
      }
    }
    return new Map([...writers].map(([table, { writer, rows }]) => [table, { rows, bytes: writer.bytes() }]))
  }
}
