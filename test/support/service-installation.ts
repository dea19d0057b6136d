import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../infra/native/ports.ts'
import { type ApiClient, createApiClient } from '../../scripts/demo/api-client.ts'
import { deployOnStack } from '../../scripts/installation/deploy-on-stack.ts'
import { environmentOf } from '../../scripts/installation/environment.ts'
import { newSecret, sha256Hex, writePrivate, writeTokensFile } from '../../scripts/installation/installation-files.ts'
import { awaitAnswer, type ServiceProcess } from '../../scripts/installation/service-process.ts'
import { openClickHouse } from '../../services/platform/clickhouse/clickhouse-store.ts'
import { readBrokerSecurity, unsecured } from '../../services/platform/kafka/broker-security.ts'
import type { Reason } from '../../services/platform/lifecycle/health.ts'
import { startMarkedService } from './marked-service.ts'
import type { TestStack } from './stack.ts'

export const serviceNames = [
  'rollout-controller',
  'gate-evaluator',
  'pairing',
  'sink',
  'shadow',
  'gateway',
  'api',
] as const
export type ServiceName = (typeof serviceNames)[number]

/** A Penstock with one process per service, on servers that may be broken. */
export interface TestInstallation {
  readonly gatewayUrl: string
  readonly tenantToken: string
  /** Of each tenant, by its id. */
  readonly tenantTokens: Readonly<Record<string, string>>
  readonly api: ApiClient
  readonly dir: string
  readonly broker: { readonly brokers: string; readonly topicPrefix: string }
  readonly registryUrl: string
  /** How often each service ended by itself and was started again, as a supervisor in production does. */
  readonly restarts: Readonly<Record<ServiceName, number>>
  /** kill -9, and a new process that is ready. Resolves to when the old one was dead (Unix ms). */
  killAndRestart(service: ServiceName): Promise<number>
  /** kill -9, nothing for a while, and a new process, which may take its time to be ready. Resolves to when the old one was dead (Unix ms). */
  killFor(service: ServiceName, pauseMs: number): Promise<number>
  /** One more process of a service, as when it is scaled out; nobody starts it again. */
  join(service: ServiceName): Promise<ServiceProcess>
  /** Asks the API for a change. Throws with the API's own words. */
  post(path: string, body: object): Promise<void>
  /** Sends a body to the gateway as the tenant; returns the status. `path` begins with /v1. */
  knock(path: string, body: string, headers?: Readonly<Record<string, string>>): Promise<number>
  /** Asks the API for what it shows. Throws with the API's own words. */
  get<T>(path: string): Promise<T>
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  /** Whether a service says that it can do its job now, and is not behind. */
  isReady(service: ServiceName): Promise<boolean>
  /** What a service says of its own state: reasons why it is not ready, and notes. Throws when it does not answer within 5 s. */
  readiness(service: ServiceName): Promise<Readiness>
  /** The whole text of a service's /metrics. Throws when it does not answer within 5 s. */
  metrics(service: ServiceName): Promise<string>
  stop(): Promise<void>
}

export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly Reason[]
  readonly notes: readonly Reason[]
}

const readyWithinMs = 60_000
const answerWithinMs = 5_000
const defaultTenants = [{ id: 'acme', segments: { tier: 'enterprise' } }]
const cacheDir = fileURLToPath(new URL('../../.cache', import.meta.url))

export interface ServiceInstallationOptions {
  /** A word of its own per test file: it becomes the topic prefix and the database. */
  readonly name: string
  readonly providers: object
  /** Default: one, acme, of the segment tier=enterprise. */
  readonly tenants?: readonly { readonly id: string; readonly segments: Readonly<Record<string, string>> }[]
  /** The file that says how each service and the deploy step reach a broker that does not take everybody. */
  readonly securityFileOf?: (name: ServiceName | 'deploy') => string
  /** Environment variables of single services. */
  readonly environment?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>
}

/** Starts everything. */
export async function startServiceInstallation(
  stack: TestStack,
  options: ServiceInstallationOptions,
): Promise<TestInstallation> {
  const { name, providers, tenants: named = defaultTenants, securityFileOf, environment: own = {} } = options
  // Kept until the next run, so that the logs of a failed one can be read.
  const dir = join(cacheDir, `installation-${name}`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const database = `penstock_${name}`
  const security = securityFileOf === undefined ? unsecured : readBrokerSecurity(securityFileOf('deploy'))
  await deployOnStack(stack, `${name}.`, database, security)
  const [apiToken, hashKey] = [newSecret(), newSecret()]
  const tenantTokens = Object.fromEntries(named.map(({ id }) => [id, newSecret()]))
  const tenantToken = tenantTokens[named[0]?.id ?? ''] ?? ''
  const ports = { gateway: await freePort(), api: await freePort() }
  const providersFile = join(dir, 'providers.yaml')
  const tenants = named.map((tenant) => ({ ...tenant, tokenSha256: sha256Hex(tenantTokens[tenant.id] ?? '') }))
  writePrivate(providersFile, { ...providers, tenants })
  const tokensFile = writeTokensFile(dir, 'test', apiToken)
  const settings = { topicPrefix: `${name}.`, database, providersFile, tokensFile, hashKey }
  const ids = { gatewayId: 'gateway-test', gateId: 'gate-test', gatewayPort: ports.gateway, apiPort: ports.api }

  const adminPorts = new Map<ServiceName, number>()
  const running = new Map<ServiceName, ServiceProcess>()
  const restarts = Object.fromEntries(serviceNames.map((service) => [service, 0])) as Record<ServiceName, number>
  const expected = new Set<ServiceName>()
  const logOf = (service: ServiceName) => join(dir, `${service}.log`)
  const spawn = (service: ServiceName, as: string, adminPort: number) => {
    const stateDir = join(dir, 'state', as)
    const environment = {
      ...environmentOf(stack, { ...settings, ...ids, stateDir, adminPort }),
      PENSTOCK_GATEWAY_LEG_TIMEOUT_MS: '4000',
      PENSTOCK_KAFKA_SECURITY_FILE: securityFileOf?.(service) ?? '',
      ...own[service],
    }
    return startMarkedService(stack.dir, { service, environment, logPath: join(dir, `${as}.log`) })
  }
  const begin = (service: ServiceName) => {
    const serving = spawn(service, service, adminPorts.get(service) ?? 0)
    running.set(service, serving)
    void serving.ended.then(async () => {
      if (expected.has(service) || running.get(service) !== serving) return
      restarts[service] += 1
      await delay(500)
      if (!expected.has(service)) begin(service)
    })
    return serving
  }
  const start = async (service: ServiceName) => {
    expected.delete(service)
    const url = `http://127.0.0.1:${adminPorts.get(service)}/readyz`
    await awaitAnswer(begin(service), url, { withinMs: readyWithinMs, logPath: logOf(service) })
  }
  const kill = async (service: ServiceName) => {
    expected.add(service)
    await running.get(service)?.kill()
    return Date.now()
  }
  const store = openClickHouse({ url: stack.clickhouse.url, ...stack.clickhouse.users.reader, database })
  let joined = 0
  const stop = async () => {
    for (const service of serviceNames) expected.add(service)
    await Promise.all([...running.values()].map((serving) => serving.stop()))
    await store.stop()
  }
  const adminAnswer = (service: ServiceName, path: string) =>
    fetch(`http://127.0.0.1:${adminPorts.get(service)}/${path}`, { signal: AbortSignal.timeout(answerWithinMs) })
  const apiUrl = `http://127.0.0.1:${ports.api}`
  try {
    for (const service of serviceNames) adminPorts.set(service, await freePort())
    await Promise.all(serviceNames.map(start))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    gatewayUrl: `http://127.0.0.1:${ports.gateway}/v1`,
    tenantToken,
    tenantTokens,
    api: createApiClient(apiUrl, apiToken),
    dir,
    broker: { brokers: stack.kafka.brokers, topicPrefix: `${name}.` },
    registryUrl: stack.registry.url,
    restarts,
    async killAndRestart(service) {
      const deadAtMs = await kill(service)
      await start(service)
      return deadAtMs
    },
    async killFor(service, pauseMs) {
      const deadAtMs = await kill(service)
      await delay(pauseMs)
      expected.delete(service)
      begin(service)
      return deadAtMs
    },
    async join(service) {
      joined += 1
      return spawn(service, `${service}-${joined}`, await freePort())
    },
    async post(path, body) {
      const headers = { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' }
      const answer = await fetch(apiUrl + path, { method: 'POST', headers, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    },
    async get<T>(path: string) {
      const answer = await fetch(apiUrl + path, { headers: { authorization: `Bearer ${apiToken}` } })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as T
    },
    async knock(path, body, headers = {}) {
      const answer = await fetch(`http://127.0.0.1:${ports.gateway}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tenantToken}`, 'content-type': 'application/json', ...headers },
        body,
      })
      await answer.arrayBuffer()
      return answer.status
    },
    query: (sql) => store.query<Record<string, unknown>>(sql),
    async isReady(service) {
      const answer = await fetch(`http://127.0.0.1:${adminPorts.get(service)}/readyz`).catch(() => null)
      return answer?.ok === true
    },
    async readiness(service) {
      return (await (await adminAnswer(service, 'readyz')).json()) as Readiness
    },
    async metrics(service) {
      return (await adminAnswer(service, 'metrics')).text()
    },
    stop,
  }
}
