import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { type ClickHouseStore, openClickHouse } from '../platform/clickhouse/clickhouse-store.ts'
import { createKafkajsInspector } from '../platform/kafka/kafkajs-inspector.ts'
import { openTransport } from '../platform/kafka/open-transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { probeRedis } from '../platform/redis/redis-probe.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import { assembleApi, openServing, type Serving } from './assemble-api.ts'
import type { ApiConfig } from './config.ts'
import { createDoctor } from './doctor/doctor.ts'

/** Below the time that clients wait: a store that hangs is named so, instead of an API that does not answer. */
const storeWithinMs = 10_000
const redisWithinMs = 2_000

const migrations = fileURLToPath(new URL('../../schemas/clickhouse', import.meta.url))

/**
 * Starts the API. It listens at once, so that it can say what is wrong when something is; it serves, and this resolves, when its read models have
 * caught up. A broker or registry that is away is waited for.
 */
export async function startApi(scope: Scope, config: ApiConfig): Promise<{ readonly port: number }> {
  const { brokers, security, registryUrl, stateDir, topicPrefix, tokens } = config
  const transport = openTransport(scope, config, { service: 'api', behind: 'noted' })
  const store = await openStore(scope, config)
  let serving: Serving | null = null
  const doctor = createDoctor({
    clock: scope.clock,
    brokers,
    inspect: () => createKafkajsInspector({ clientId: 'api-doctor', brokers, security, topicPrefix, log: scope.log }),
    registryUrl,
    store,
    migrations,
    redis: config.redisUrl === '' ? null : () => probeRedis(config.redisUrl, redisWithinMs),
    control: () => serving,
  })
  scope.health.ready('read-models', () => (serving === null ? 'its topics are not read to their ends yet' : null))
  const server = assembleApi(scope, { tokens, doctor, serving: () => serving })
  await server.listen({ port: config.port, host: config.host })
  scope.onStop('server', () => server.close())
  const { port } = server.server.address() as AddressInfo
  scope.log.info({ port }, 'API listens')
  const open = async () => {
    const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
    return openServing(scope, { transport, codec, store })
  }
  serving = await persistently('reading what the API answers from', open, scope)
  return { port }
}

async function openStore(scope: Scope, config: ApiConfig): Promise<ClickHouseStore | null> {
  const {
    clickhouseUrl: url,
    clickhouseUser: user,
    clickhousePassword: password,
    clickhouseDatabase: database,
  } = config
  if (url === '') return null
  return scope.use('store', () => openClickHouse({ url, user, password, database, requestTimeoutMs: storeWithinMs }))
}
