import type { FastifyInstance } from 'fastify'
import type { Records } from '../domain/events/records.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { Transport } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { createApiServer } from './api-server.ts'
import { createCommander } from './commander.ts'
import type { Tokens } from './config.ts'
import { createEvidenceReader } from './evidence-reader.ts'
import { createPairReader } from './pair-reader.ts'
import { openReadModel } from './read-model.ts'
import { readOperations } from './read-operations.ts'
import { routeOperations } from './route-operations.ts'
import { runOperations } from './run-operations.ts'

/** A person who waits for an answer is told rather than kept waiting when Kafka is away. */
const answerWithinMs = 5_000

/** The API on a transport and, for pairs alone, a store; resolves when its read models have caught up. It does not listen yet. */
export async function assembleApi(
  scope: Scope,
  parts: {
    readonly transport: Transport
    readonly codec: Codec<Records>
    readonly store: ClickHouseStore | null
    readonly tokens: Tokens
  },
): Promise<FastifyInstance> {
  const { transport, codec, store, tokens } = parts
  const { clock, log, metrics } = scope
  const producer = await transport.producer({ answerWithinMs })
  scope.onStop('producer', () => producer.close())
  const model = await openReadModel(scope, transport, codec)
  const commander = createCommander({ producer, codec, clock, model })
  const deps = { model, commander, clock }
  const handlers = {
    ...readOperations(model, createPairReader(store), createEvidenceReader(store)),
    ...runOperations(deps),
    ...routeOperations(deps),
  }
  return createApiServer({ handlers, tokens, log, metrics })
}
