import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Stack, startStack } from '../../infra/native/stack.ts'
import { type ModelServer, startModelServer } from '../../scripts/demo/model-server.ts'
import { arenaRecordings } from '../../scripts/demo/recordings.ts'
import { type SeenExchange, startTraffic, type Traffic } from '../../scripts/demo/traffic.ts'
import { subjectPrefix } from '../../scripts/deploy-installation.ts'
import type { Records } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Transport } from '../../services/platform/kafka/transport.ts'
import type { ProjectingCodec } from '../../services/platform/registry/codec.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import { startServiceInstallation, type TestInstallation } from '../support/service-installation.ts'
import { silentLog } from '../support/silent-log.ts'
import { type BrokerDisk, putOnOwnDisk, releaseBelow } from './broker-disk.ts'
import { readRuns } from './undisturbed.ts'

/** Everything that a ledger is taken of. */
export interface LedgerInstallation {
  readonly stack: Stack
  readonly penstock: TestInstallation
  readonly disk: BrokerDisk | string
  readonly transport: Transport
  readonly codec: ProjectingCodec<Records>
  /** Real requests through the real gateway, and what their callers saw. */
  readonly traffic: Pick<Traffic, 'stop'>
  readonly seen: readonly SeenExchange[]
  /** The run that the real traffic is of. */
  readonly run: string
  stop(): Promise<void>
}

const requestsPerSecond = 5
const hourMs = 3_600_000
const stackDir = fileURLToPath(new URL('../../.cache/ledger-stack', import.meta.url))
const rollout = readFileSync(new URL('rollout.yaml', import.meta.url), 'utf8')
const prices = {
  'gpt-4-0314': { inputUsdPerMillion: 30, outputUsdPerMillion: 60 },
  'gpt-4-0613': { inputUsdPerMillion: 30, outputUsdPerMillion: 60 },
}

export async function startLedgerInstallation(note: (what: string) => void): Promise<LedgerInstallation> {
  mkdirSync(stackDir, { recursive: true })
  releaseBelow(stackDir)
  rmSync(stackDir, { recursive: true, force: true })
  const stops: (() => Promise<unknown> | unknown)[] = []
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    return await startAll(note, stops, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startAll(
  note: (what: string) => void,
  stops: (() => Promise<unknown> | unknown)[],
  stop: () => Promise<void>,
): Promise<LedgerInstallation> {
  note('starting the servers')
  const stack = await startStack({
    dir: stackDir,
    ephemeral: true,
    onProgress: ({ part, message }) => part === 'kafka' && note(`kafka: ${message}`),
  })
  stops.push(() => stack.stop())
  const disk = await putOnOwnDisk(stack)
  if (typeof disk !== 'string')
    stops.push(async () => {
      await stack.kill('kafka')
      disk.release()
    })
  const recordings = arenaRecordings()
  const model: ModelServer = await startModelServer(recordings)
  stops.push(() => model.stop())
  note('starting the services')
  const penstock = await startServiceInstallation(stack, {
    name: 'ledger_full',
    providers: {
      providers: [{ id: 'replay', baseUrl: model.baseUrl, prices }],
      routes: [{ id: 'chat', default: { id: 'gpt-4-0613', provider: 'replay', model: 'gpt-4-0613' } }],
    },
    environment: {
      'gate-evaluator': { NODE_OPTIONS: `--import=${new URL(`skewed-clock.ts?ms=${hourMs}`, import.meta.url).href}` },
    },
  })
  stops.push(() => penstock.stop())
  const transport = createKafkajsTransport({ clientId: 'ledger', ...penstock.broker, log: silentLog })
  stops.push(() => transport.close())
  const stateDir = join(penstock.dir, 'state', 'ledger')
  const codec = await openCodec<Records>({ registryUrl: penstock.registryUrl, stateDir, subjectPrefix, schemaTexts })
  const run = await applied(penstock, transport)
  const seen: SeenExchange[] = []
  const traffic = startTraffic({
    url: penstock.gatewayUrl,
    token: penstock.tenantToken,
    route: 'chat',
    model: 'gpt-4-0613',
    recordings,
    perSecond: requestsPerSecond,
    repeat: true,
    onExchange: (exchange) => void seen.push(exchange),
  })
  let stopping: Promise<void> | null = null
  const stopTraffic = () => {
    stopping ??= traffic.stop()
    return stopping
  }
  stops.push(stopTraffic)
  return { stack, penstock, disk, transport, codec, traffic: { stop: stopTraffic }, seen, run, stop }
}

/** On a busy machine the API may have given up waiting for a decision that comes all the same. */
async function applied(penstock: TestInstallation, transport: Transport): Promise<string> {
  try {
    return (await penstock.api.apply(rollout, null)).run
  } catch (error) {
    for (let tries = 0; tries < appliedTries; tries += 1) {
      const [run] = (await readRuns(transport)).keys()
      if (run !== undefined) return run
      await delay(1_000)
    }
    throw error
  }
}

const appliedTries = 120
