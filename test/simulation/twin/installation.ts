import type { Records } from '../../../services/domain/events/records.ts'
import { schemaTexts } from '../../../services/domain/events/schemas.ts'
import { topics } from '../../../services/flow.ts'
import { startGateOn } from '../../../services/gate-evaluator/start.ts'
import { startPairingOn } from '../../../services/pairing/start.ts'
import type { MemoryStore } from '../../../services/platform/clickhouse/memory-store.ts'
import { MemoryTransport } from '../../../services/platform/kafka/memory-transport.ts'
import { sendPersistently } from '../../../services/platform/kafka/persistent-producer.ts'
import type { InRecord, OutRecord, Transport } from '../../../services/platform/kafka/transport.ts'
import { createAvroCodec } from '../../../services/platform/registry/avro-codec.ts'
import type { ProjectingCodec } from '../../../services/platform/registry/codec.ts'
import { startController } from '../../../services/rollout-controller/start-controller.ts'
import { startLane } from '../../../services/sink/lane.ts'
import { eachRecord } from '../../support/each-record.ts'
import type { Program } from './virtual-process.ts'
import type { VirtualTime } from './virtual-time.ts'

const names = Object.keys(schemaTexts) as (keyof Records & string)[]
/** One codec for all: it holds no state that a process could lose. */
export const codec = rememberingProjections(
  createAvroCodec<Records>(
    schemaTexts,
    Object.fromEntries(names.map((name, index) => [name, index + 1])) as Record<keyof Records & string, number>,
    async () => null,
  ),
)

/** Processes start again and again, and each compiles readers of its own. */
function rememberingProjections(inner: ProjectingCodec<Records>): ProjectingCodec<Records> {
  const known = new Map<string, unknown>()
  const project: ProjectingCodec<Records>['project'] = (fields, lent) => {
    const asked = JSON.stringify([fields, lent])
    const decoder = known.get(asked) ?? inner.project(fields, lent)
    known.set(asked, decoder)
    return decoder as never
  }
  return { ...inner, project }
}

/** A broker under virtual time with the topics of the flow. */
export async function openBroker(time: VirtualTime): Promise<MemoryTransport> {
  const clock = { nowMs: () => time.nowMs, monoMs: () => time.nowMs }
  const broker = new MemoryTransport(clock)
  await broker.ensureTopics(Object.values(topics).map(({ name, partitions }) => ({ name, partitions, config: {} })))
  // What a poll of every consumer does: partitions that are read to their end are told about again.
  const poll = () => {
    broker.poll()
    time.after(100, poll)
  }
  poll()
  return broker
}

export function pairingProgram(name: string): Program {
  return {
    name,
    async start(scope, transport) {
      const producer = await transport.producer()
      const send = (records: readonly OutRecord[]) => sendPersistently(producer, records, scope)
      const letter = (record: InRecord, code: string, reason: string) => {
        const { topic, partition, offset } = record
        const value = { consumer: 'pairing', topic, partition, offset, code, reason, record_name: null, at: 0 }
        const to = { topic: topics.deadLetters.name, key: topic, value: codec.encode('DeadLetter', value) }
        return send([to]).then(() => undefined)
      }
      await startPairingOn(scope, { groupId: 'pairing', openMax: 10_000 }, { transport, codec, send, letter })
    },
  }
}

export function gateProgram(skewMs: number): Program {
  const config = { gateId: 'gate-1', waitingMax: 100_000, unitsMax: 100_000, snapshotMs: 1_000 }
  return { name: 'gate', skewMs, start: (scope, transport) => startGateOn(scope, config, { transport, codec }) }
}

export function controllerProgram(name: string): Program {
  const config = { groupId: 'controllers', tickMs: 250, commandsMax: 50 }
  return { name, start: (scope, transport) => startController(scope, config, { transport, codec }) }
}

export const storedTopics = [topics.exchanges, topics.evidence, topics.decisions, topics.acks].map(({ name }) => name)

/** Its rows are `topic/partition/offset` of every record. */
export function sinkProgram(name: string, store: MemoryStore): Program {
  return {
    name,
    start: (scope, transport) =>
      startLane(scope, {
        groupId: 'sink',
        topics: storedTopics,
        policy: { recordsMax: 50, bytesMax: 1_000_000, waitMaxMs: 300 },
        transport,
        store: {
          // On its way to the store and back a process can die, too.
          async insertRowBinary(...insert) {
            await scope.timers.wait(2, scope.signal)
            await store.insertRowBinary(...insert)
            await scope.timers.wait(2, scope.signal)
          },
        },
        async encode(records) {
          const rows = records.filter(({ value }) => value !== null)
          const places = rows.map(({ topic, partition, offset }) => `${topic}/${partition}/${offset}`)
          return new Map([['legs' as const, { rows: rows.length, bytes: Buffer.from(places.join('\n')) }]])
        },
      }),
  }
}

/** Every record of a topic, partition by partition. */
export async function recordsOf(broker: Transport, topic: string): Promise<readonly InRecord[]> {
  const records: InRecord[] = []
  await eachRecord(broker, topic, (record) => void records.push(record))
  return records
}

/** The values of one kind of record, decoded, in the order of their partitions. */
export async function valuesOf<Name extends keyof Records & string>(
  broker: Transport,
  topic: string,
  name: Name,
): Promise<readonly (InRecord & { readonly decoded: Records[Name] })[]> {
  const found: (InRecord & { readonly decoded: Records[Name] })[] = []
  for (const record of await recordsOf(broker, topic)) {
    const decoded = record.value === null ? null : await codec.decode(record.value)
    if (decoded?.kind === 'record' && decoded.name === name)
      found.push({ ...record, decoded: decoded.value as Records[Name] })
  }
  return found
}
