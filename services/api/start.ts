import type { AddressInfo } from 'node:net'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { openClickHouse } from '../platform/clickhouse/clickhouse-store.ts'
import { createKafkajsTransport } from '../platform/kafka/kafkajs-transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import { createApiServer } from './api-server.ts'
import { createCommander } from './commander.ts'
import type { ApiConfig } from './config.ts'
import { createPairReader } from './pair-reader.ts'
import { openReadModel } from './read-model.ts'
import { readOperations } from './read-operations.ts'
import { routeOperations } from './route-operations.ts'
import { runOperations } from './run-operations.ts'

/** A person who waits for an answer is told rather than kept waiting when Kafka is away. */
const answerWithinMs = 5_000

/** Starts the API; it answers when its read models have caught up. */
export async function startApi(scope: Scope, config: ApiConfig): Promise<{ readonly port: number }> {
  const { brokers, registryUrl, stateDir, topicPrefix } = config
  const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const transport = createKafkajsTransport({ clientId: 'api', brokers, topicPrefix, log: scope.log })
  scope.onStop('transport', () => transport.close())
  const producer = await transport.producer({ answerWithinMs })
  scope.onStop('producer', () => producer.close())
  const model = await openReadModel(scope, transport, codec)
  const store =
    config.clickhouseUrl === ''
      ? null
      : await scope.use('store', () =>
          openClickHouse({
            url: config.clickhouseUrl,
            user: config.clickhouseUser,
            password: config.clickhousePassword,
            database: config.clickhouseDatabase,
          }),
        )
  const commander = createCommander({ producer, codec, clock: scope.clock, model })
  const deps = { model, commander, clock: scope.clock }
  const server = createApiServer({
    handlers: {
      ...readOperations(model, createPairReader(store)),
      ...runOperations(deps),
      ...routeOperations(deps),
    },
    tokens: config.tokens,
    log: scope.log,
    metrics: scope.metrics,
  })
  await server.listen({ port: config.port, host: config.host })
  scope.onStop('server', () => server.close())
  const { port } = server.server.address() as AddressInfo
  scope.log.info({ port }, 'API listens')
  return { port }
}
