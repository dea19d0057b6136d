import { join } from 'node:path'
import { formatProgress } from '../../../infra/native/progress.ts'
import { type Stack, startStack } from '../../../infra/native/stack.ts'
import { subjectPrefix } from '../../../scripts/deploy-installation.ts'
import type { Records } from '../../../services/domain/events/records.ts'
import { schemaTexts } from '../../../services/domain/events/schemas.ts'
import { createKafkajsTransport } from '../../../services/platform/kafka/kafkajs-transport.ts'
import type { Producer } from '../../../services/platform/kafka/transport.ts'
import type { Codec } from '../../../services/platform/registry/codec.ts'
import { openCodec } from '../../../services/platform/registry/open-codec.ts'
import { startServiceInstallation, type TestInstallation } from '../../support/service-installation.ts'
import { silentLog } from '../../support/silent-log.ts'
import { type ControlLog, openControlLog } from './control-log.ts'
import { baselineModel } from './model-names.ts'
import { type Arrival, type BenchModel, startBenchModel } from './model-server.ts'
import { type SteadyTraffic, startSteadyTraffic } from './steady-traffic.ts'

/** A whole Penstock, one process a service, on native servers, with a model behind it and eyes on its control topics. */
export interface World {
  readonly stack: Stack
  readonly penstock: TestInstallation
  readonly model: BenchModel
  readonly log: ControlLog
  readonly producer: Producer
  readonly codec: Codec<Records>
  /** Calls that reached the models since they were last forgotten, in order. */
  readonly arrivals: Arrival[]
  /** While this file exists the gateway gives the candidate nothing. */
  readonly killFile: string
  traffic(route: string, perSecond: number, people: number | null): SteadyTraffic
  stop(): Promise<void>
}

const noted = (text: string) => void process.stderr.write(`${text}\n`)

/** @param routes each serves the baseline until a run splits it */
export async function openWorld(routes: readonly string[]): Promise<World> {
  const closers: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const close of closers.reverse()) await close().catch((error: unknown) => noted(String(error)))
  }
  try {
    const stack = await startStack({ ephemeral: true, onProgress: (event) => noted(formatProgress(event)) })
    closers.push(() => stack.stop())
    const arrivals: Arrival[] = []
    const model = await startBenchModel((arrival) => void arrivals.push(arrival))
    closers.push(() => model.stop())
    noted('starting the services')
    const killFile = join(stack.dir, 'kill')
    const penstock = await startServiceInstallation(stack, {
      name: 'revert',
      providers: {
        providers: [{ id: 'bench', baseUrl: model.baseUrl, prices: {} }],
        routes: routes.map((id) => ({ id, default: { id: 'old', provider: 'bench', model: baselineModel(id) } })),
      },
      environment: { gateway: { PENSTOCK_GATEWAY_KILL_FILE: killFile } },
    })
    closers.push(() => penstock.stop())
    const transport = createKafkajsTransport({ clientId: 'bench', ...penstock.broker, log: silentLog })
    closers.push(() => transport.close())
    const stateDir = join(penstock.dir, 'state', 'bench')
    const codec = await openCodec<Records>({ registryUrl: penstock.registryUrl, stateDir, subjectPrefix, schemaTexts })
    const producer = await transport.producer()
    closers.push(() => producer.close())
    const log = await openControlLog(transport, codec)
    closers.push(() => log.stop())
    const traffic: World['traffic'] = (route, perSecond, people) => {
      const { gatewayUrl: url, tenantToken: token } = penstock
      const started = startSteadyTraffic({ url, token, route, perSecond, people })
      closers.push(() => started.stop())
      return started
    }
    return { stack, penstock, model, log, producer, codec, arrivals, killFile, traffic, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
