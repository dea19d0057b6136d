import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inheritedEnvironment } from '../../infra/native/config.ts'
import { type Stack, startStack } from '../../infra/native/stack.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { createPinoLogger } from '../../services/platform/log/pino-logger.ts'
import { deploy } from '../deploy-installation.ts'

/** A running Penstock: the native stack, everything deployed on it, and all services in one process. */
export interface Installation {
  readonly dir: string
  readonly gatewayUrl: string
  readonly apiUrl: string
  readonly apiToken: string
  readonly tenantToken: string
  readonly clickhouse: {
    readonly url: string
    readonly user: string
    readonly password: string
    readonly database: string
  }
  readonly servicesPid: number
  /** CPU seconds that the services have used. */
  cpuSeconds(): number
  stop(options: { readonly keep: boolean }): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const readyWithinMs = 60_000

/** Starts everything in a folder of its own; what was started is stopped again when a later step fails. `modelUrl` is the base URL of the model server, up to /v1. */
export async function startInstallation(options: {
  readonly dir: string
  readonly modelUrl: string
  onProgress(text: string): void
}): Promise<Installation> {
  const { dir, onProgress } = options
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const stack = await startStack({
    dir: join(dir, 'stack'),
    onProgress: (event) => onProgress(`${event.part}: ${event.message}`),
  })
  try {
    const topicPrefix = `demo-${randomBytes(3).toString('hex')}.`
    const database = `penstock_${randomBytes(3).toString('hex')}`
    onProgress('deploying topics, schemas and tables')
    await deployOn(stack, topicPrefix, database)
    onProgress('starting the services')
    return await startServices(stack, { dir, modelUrl: options.modelUrl, topicPrefix, database })
  } catch (error) {
    await stack.stop()
    throw error
  }
}

async function deployOn(stack: Stack, topicPrefix: string, database: string): Promise<void> {
  const log = createPinoLogger({ name: 'deploy', level: 'error' })
  const transport = createKafkajsTransport({ clientId: 'deploy', brokers: stack.kafka.brokers, topicPrefix, log })
  try {
    await deploy({
      transport,
      registryUrl: stack.registry.url,
      clickhouse: { url: stack.clickhouse.url, ...stack.clickhouse.users.admin, database },
      migrations: join(root, 'schemas/clickhouse'),
    })
  } finally {
    await transport.close()
  }
}

interface ServiceOptions {
  readonly dir: string
  readonly modelUrl: string
  readonly topicPrefix: string
  readonly database: string
}

async function startServices(stack: Stack, options: ServiceOptions): Promise<Installation> {
  const { dir, database } = options
  const { reader } = stack.clickhouse.users
  const files = writeFiles(dir, options.modelUrl)
  const ports = { gateway: await freePort(), api: await freePort(), admin: await freePort() }
  const logPath = join(dir, 'services.log')
  const log = openSync(logPath, 'w', 0o600)
  const child = spawn(process.execPath, [join(root, 'services/standalone/main.ts')], {
    env: { ...inheritedEnvironment(), ...environmentOf(stack, options, files, ports) },
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const apiUrl = `http://127.0.0.1:${ports.api}`
  try {
    await ready(child, `${apiUrl}/v1/runs`, files.apiToken, logPath)
  } catch (error) {
    await stopChild(child)
    throw error
  }
  return {
    dir,
    gatewayUrl: `http://127.0.0.1:${ports.gateway}/v1`,
    apiUrl,
    apiToken: files.apiToken,
    tenantToken: files.tenantToken,
    clickhouse: { url: stack.clickhouse.url, ...reader, database },
    servicesPid: child.pid ?? 0,
    cpuSeconds: () => cpuSecondsOf(child.pid ?? 0),
    async stop({ keep }) {
      child.unref()
      if (keep) return
      await stopChild(child)
      await stack.stop()
    },
  }
}

function environmentOf(
  stack: Stack,
  options: ServiceOptions,
  files: ReturnType<typeof writeFiles>,
  ports: { readonly gateway: number; readonly api: number; readonly admin: number },
): Record<string, string> {
  const { writer, reader } = stack.clickhouse.users
  return {
    PENSTOCK_KAFKA_BROKERS: stack.kafka.brokers,
    PENSTOCK_TOPIC_PREFIX: options.topicPrefix,
    PENSTOCK_REGISTRY_URL: stack.registry.url,
    PENSTOCK_REDIS_URL: stack.redis.url,
    PENSTOCK_CLICKHOUSE_URL: stack.clickhouse.url,
    PENSTOCK_CLICKHOUSE_DATABASE: options.database,
    PENSTOCK_CLICKHOUSE_WRITER: writer.user,
    PENSTOCK_CLICKHOUSE_WRITER_PASSWORD: writer.password,
    PENSTOCK_CLICKHOUSE_READER: reader.user,
    PENSTOCK_CLICKHOUSE_READER_PASSWORD: reader.password,
    PENSTOCK_STATE_DIR: join(options.dir, `state-${options.topicPrefix}`),
    PENSTOCK_PROVIDERS_FILE: files.providers,
    PENSTOCK_API_TOKENS_FILE: files.tokens,
    PENSTOCK_HASH_KEY: randomBytes(24).toString('base64url'),
    PENSTOCK_GATEWAY_ID: 'gateway-demo',
    PENSTOCK_GATEWAY_PORT: String(ports.gateway),
    PENSTOCK_GATEWAY_LEG_TIMEOUT_MS: '4000',
    PENSTOCK_API_PORT: String(ports.api),
    PENSTOCK_ADMIN_PORT: String(ports.admin),
    PENSTOCK_GATE_ID: 'gate-demo',
    PENSTOCK_LOG_LEVEL: 'info',
  }
}

function writeFiles(
  dir: string,
  modelUrl: string,
): { readonly providers: string; readonly tokens: string; readonly apiToken: string; readonly tenantToken: string } {
  const apiToken = randomBytes(24).toString('base64url')
  const tenantToken = randomBytes(24).toString('base64url')
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const providers = {
    providers: [
      {
        id: 'replay',
        baseUrl: modelUrl,
        prices: {
          'gpt-4-0314': { inputUsdPerMillion: 30, outputUsdPerMillion: 60 },
          'gpt-4-0613': { inputUsdPerMillion: 30, outputUsdPerMillion: 60 },
        },
      },
    ],
    routes: [
      { id: 'arithmetic', default: { id: 'gpt-4-0314', provider: 'replay', model: 'gpt-4-0314' } },
      { id: 'chat', default: { id: 'gpt-4-0613', provider: 'replay', model: 'gpt-4-0613' } },
    ],
    tenants: [{ id: 'acme', tokenSha256: sha256(tenantToken), segments: { tier: 'enterprise' } }],
  }
  const tokens = { tokens: [{ name: 'demo', role: 'admin', tokenSha256: sha256(apiToken) }] }
  const write = (name: string, value: object) => {
    const path = join(dir, name)
    writeFileSync(path, JSON.stringify(value, null, 2), { mode: 0o600 })
    return path
  }
  return { providers: write('providers.yaml', providers), tokens: write('tokens.yaml', tokens), apiToken, tenantToken }
}

async function ready(child: ChildProcess, url: string, token: string, logPath: string): Promise<void> {
  for (const endMs = Date.now() + readyWithinMs; Date.now() < endMs; await delay(100)) {
    if (child.exitCode !== null) throw new Error(`the services ended with code ${child.exitCode}; see ${logPath}`)
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } }).catch(() => null)
    if (answer?.ok === true) return
  }
  throw new Error(`the services were not ready within ${readyWithinMs / 1000} s; see ${logPath}`)
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await Promise.race([gone, delay(15_000).then(() => child.kill('SIGKILL'))])
  await gone
}

function cpuSecondsOf(pid: number): number {
  try {
    const { userCPUTime, systemCPUTime } = readCpu(pid)
    return userCPUTime + systemCPUTime
  } catch {
    return Number.NaN
  }
}

/** Clock ticks are 100 a second on every Linux that Node supports. */
function readCpu(pid: number): { readonly userCPUTime: number; readonly systemCPUTime: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return { userCPUTime: Number(fields[11]) / 100, systemCPUTime: Number(fields[12]) / 100 }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
