import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { openTransport } from '../platform/kafka/open-transport.ts'
import type { Producer } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { promptOf } from '../platform/model-api/prompt-settings.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import { ackEmitter, createAcks } from './acks.ts'
import { createAdmission } from './admission.ts'
import { startBodyRewriter } from './body-rewriter.ts'
import type { GatewayConfig } from './config.ts'
import { createControlState } from './control-state.ts'
import { type GatewayServer, startGatewayServer } from './gateway-server.ts'
import { createKeptControlFile } from './kept-control.ts'
import { startTap, tapWorkerThread } from './tap.ts'
import { watchControl } from './watch-control.ts'
import { watchKillFile } from './watch-kill-file.ts'

const checkMs = 100
const repeatMs = 10_000

/** Starts the gateway. It serves at once; the control topics and the tap join when Kafka lets them. */
export async function startGateway(scope: Scope, config: GatewayConfig): Promise<GatewayServer> {
  const { brokers, security, registryUrl, stateDir, topicPrefix } = config
  const router = createHash('sha256').update(config.routerId).digest('hex').slice(0, 12)
  const file = createKeptControlFile(join(stateDir, `control-${router}.json`), scope.log)
  scope.onStop('kept control', () => file.stop())
  const control = createControlState({ clock: scope.clock, file })
  if (config.localKillFile !== '')
    await scope.use('kill file', () =>
      watchKillFile(config.localKillFile, {
        everyMs: checkMs,
        log: scope.log,
        onSeen: (exists) => control.setLocalKill('file', exists),
      }),
    )
  const transport = openTransport({ ...scope, health: scope.health.noting() }, config, {
    service: 'gateway',
    clientId: `gateway-${config.routerId}`,
    behind: 'noted',
  })
  let codec: Codec<Records> | null = null
  const producer: Producer = await transport.producer()
  scope.onStop('producer', () => producer.close())
  const acks = createAcks({
    router: config.routerId,
    providers: new Set(config.routing.providers.map((provider) => provider.id)),
    routes: new Set(config.routing.routes.map((route) => route.id)),
    hasPrompt: (route, version) => promptOf(config.prompts[route], version) !== 'unknown',
    control,
    clock: scope.clock,
    log: scope.log,
    emit: ackEmitter(producer, () => codec),
  })
  const open = async () => {
    codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
    // What was to be said before it could be encoded.
    acks.send(true)
    return codec
  }
  const tap = await scope.use('tap', () =>
    startTap({
      bytesMax: config.tapBytesMax,
      metrics: scope.metrics,
      log: scope.log,
      startThread: tapWorkerThread({
        brokers,
        security,
        topicPrefix,
        registryUrl,
        stateDir,
        pseudonymKey: config.hashKey,
        bytesMax: config.tapBytesMax,
        logLevel: config.logLevel,
      }),
    }),
  )
  scope.health.noting().ready('tap', () => tap.lossesLately())
  const rewriter = await scope.use('rewriter', () => startBodyRewriter({ log: scope.log, metrics: scope.metrics }))
  watchControl(scope, transport, open, control, () => acks.send(false))
  const timers = [setInterval(() => acks.send(false), checkMs), setInterval(() => acks.send(true), repeatMs)]
  scope.onStop('acks', () => timers.forEach(clearInterval))
  const { requestsMax, loopHeldMaxMs } = config
  const admission = await scope.use('admission', () => createAdmission({ requestsMax, loopHeldMaxMs, ...scope }))
  scope.health.noting().ready('overload', () => admission.refusing())
  const server = await scope.use('server', () =>
    startGatewayServer({
      config,
      control,
      tap,
      rewriter,
      admission,
      log: scope.log,
      clock: scope.clock,
      metrics: scope.metrics,
      onAssigned: (route, arm) => acks.onAssigned(route, arm),
    }),
  )
  scope.log.info({ port: server.port }, 'gateway listens')
  return server
}
