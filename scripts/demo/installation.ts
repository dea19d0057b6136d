import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../infra/native/ports.ts'
import { type Stack, startStack } from '../../infra/native/stack.ts'
import { deployOnStack } from '../installation/deploy-on-stack.ts'
import { environmentOf } from '../installation/environment.ts'
import {
  newSecret,
  sha256Hex,
  writeCliFile,
  writePrivate,
  writeTokensFile,
} from '../installation/installation-files.ts'
import { awaitAnswer, startServiceProcess } from '../installation/service-process.ts'

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
    const runMark = newSecret()
      .slice(0, 6)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, '0')
    const topicPrefix = `demo-${runMark}.`
    const database = `penstock_${runMark}`
    onProgress('deploying topics, schemas and tables')
    await deployOnStack(stack, topicPrefix, database)
    onProgress('starting the services')
    return await startServices(stack, { dir, modelUrl: options.modelUrl, topicPrefix, database })
  } catch (error) {
    await stack.stop()
    throw error
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
  rmSync(logPath, { force: true })
  const services = startServiceProcess({
    service: 'standalone',
    logPath,
    environment: {
      ...environmentOf(stack, {
        ...options,
        stateDir: join(dir, `state-${options.topicPrefix}`),
        providersFile: files.providers,
        tokensFile: files.tokens,
        hashKey: newSecret(),
        gatewayId: 'gateway-demo',
        gateId: 'gate-demo',
        gatewayPort: ports.gateway,
        apiPort: ports.api,
        adminPort: ports.admin,
      }),
      PENSTOCK_GATEWAY_LEG_TIMEOUT_MS: '4000',
    },
  })
  const apiUrl = `http://127.0.0.1:${ports.api}`
  const forgetCli = writeCliFile(dir, apiUrl, files.apiToken)
  try {
    const headers = { authorization: `Bearer ${files.apiToken}` }
    await awaitAnswer(services, `${apiUrl}/v1/runs`, { headers, withinMs: readyWithinMs, logPath })
  } catch (error) {
    await services.stop()
    throw error
  }
  return {
    dir,
    gatewayUrl: `http://127.0.0.1:${ports.gateway}/v1`,
    apiUrl,
    apiToken: files.apiToken,
    tenantToken: files.tenantToken,
    clickhouse: { url: stack.clickhouse.url, ...reader, database },
    servicesPid: services.pid,
    cpuSeconds: () => cpuSecondsOf(services.pid),
    async stop({ keep }) {
      services.release()
      if (keep) return
      forgetCli()
      await services.stop()
      await stack.stop()
    },
  }
}

function writeFiles(
  dir: string,
  modelUrl: string,
): { readonly providers: string; readonly tokens: string; readonly apiToken: string; readonly tenantToken: string } {
  const apiToken = newSecret()
  const tenantToken = newSecret()
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
    tenants: [{ id: 'acme', tokenSha256: sha256Hex(tenantToken), segments: { tier: 'enterprise' } }],
  }
  const path = join(dir, 'providers.yaml')
  writePrivate(path, providers)
  return { providers: path, tokens: writeTokensFile(dir, 'demo', apiToken), apiToken, tenantToken }
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
