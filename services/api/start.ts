import type { AddressInfo } from 'node:net'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { openClickHouse } from '../platform/clickhouse/clickhouse-store.ts'
import { createKafkajsTransport } from '../platform/kafka/kafkajs-transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import { assembleApi } from './assemble-api.ts'
import type { ApiConfig } from './config.ts'

/** Below the time that clients wait: a store that hangs is named so, instead of an API that does not answer. */
const storeWithinMs = 10_000

/** Starts the API; it answers when its read models have caught up. */
export async function startApi(scope: Scope, config: ApiConfig): Promise<{ readonly port: number }> {
  const { brokers, registryUrl, stateDir, topicPrefix, tokens } = config
  const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const transport = createKafkajsTransport({ clientId: 'api', brokers, topicPrefix, log: scope.log })
  scope.onStop('transport', () => transport.close())
  const store =
    config.clickhouseUrl === ''
      ? null
      : await scope.use('store', () =>
          openClickHouse({
            url: config.clickhouseUrl,
            user: config.clickhouseUser,
            password: config.clickhousePassword,
            database: config.clickhouseDatabase,
            requestTimeoutMs: storeWithinMs,
          }),
        )
  const server = await assembleApi(scope, { transport, codec, store, tokens })
  await server.listen({ port: config.port, host: config.host })
  scope.onStop('server', () => server.close())
  const { port } = server.server.address() as AddressInfo
  scope.log.info({ port }, 'API listens')
  return { port }
}
