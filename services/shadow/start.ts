import type { Kill, Latch, Records, Split, Variant } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { type Operation, operationPaths } from '../domain/sampling/operations.ts'
import { topics } from '../flow.ts'
import { countDeadLetters, createDeadLetterGuard } from '../platform/kafka/dead-letters.ts'
import { openTransport } from '../platform/kafka/open-transport.ts'
import { sendPersistently } from '../platform/kafka/persistent-producer.ts'
import type { Producer, Transport } from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { errorText } from '../platform/log/error-text.ts'
import { promptOf } from '../platform/model-api/prompt-settings.ts'
import { serves } from '../platform/model-api/provider-settings.ts'
import { openRedisScripts } from '../platform/redis/redis-scripts.ts'
import type { Codec, ProjectingCodec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import { createRedisBudget, type ScriptRunner } from './budget.ts'
import { createModelCaller, type Provider } from './call-model.ts'
import type { ShadowConfig } from './config.ts'
import { createLegRunner, type LegRunner } from './leg-runner.ts'
import type { Price } from './leg-task.ts'
import { readOwnRecords } from './own-records.ts'
import { createRouteView, type RouteView } from './route-view.ts'
import { createShadowService, type ShadowService } from './shadow-service.ts'

const pumpMs = 100
const commitMs = 500
const concurrency = { slowdownMax: 1.5, toleranceMs: 20, quotaFloor: 0.1 }

/** Starts shadow on the broker, registry and Redis that its configuration names. */
export async function startShadow(scope: Scope, config: ShadowConfig): Promise<void> {
  const { registryUrl, stateDir } = config
  const opening = () => openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const codec = await persistently('opening the codec', opening, scope)
  const transport = openTransport(scope, config, { service: 'shadow', behind: 'unready' })
  const openScripts = async () => {
    const redis = await scope.use('redis', () => openRedisScripts(config.redisUrl))
    scope.health.ready('redis', () => (redis.isConnected() ? null : 'not connected: no call starts without its budget'))
    return redis
  }
  await startShadowOn(scope, config, { transport, codec, openScripts })
}

/** What shadow speaks to; opened by its own start, or by a test. */
export interface ShadowParts {
  readonly transport: Transport
  readonly codec: ProjectingCodec<Records>
  /** Asked when the control topics are read. */
  openScripts(): Promise<ScriptRunner>
}

type CoreConfig = Omit<
  ShadowConfig,
  'brokers' | 'security' | 'registryUrl' | 'stateDir' | 'redisUrl' | 'logLevel' | 'adminPort'
>

/** The same on parts that are open already: splits and brakes first, then exchanges. */
export async function startShadowOn(
  scope: Scope,
  config: CoreConfig,
  { transport, codec, openScripts }: ShadowParts,
): Promise<void> {
  const producer = await transport.producer()
  scope.onStop('producer', () => producer.close())
  const view = createRouteView()
  await watchControl(scope, transport, codec, view)
  const redis = await openScripts()
  let service: ShadowService | null = null
  const runner = await scope.use('runner', () =>
    createRunner(scope, config, view, redis, (task, response) => service?.onResolved(task, response)),
  )
  service = createService(scope, config, { codec, producer, view, runner })
  await consumeExchanges(scope, config, { transport, codec, service, runner })
}

function createRunner(
  scope: Scope,
  config: CoreConfig,
  view: RouteView,
  redis: ScriptRunner,
  onResolved: Parameters<typeof createLegRunner>[0]['onResolved'],
): LegRunner {
  const operations = Object.keys(operationPaths) as Operation[]
  const providers = new Map(
    config.providers.providers.map((provider): [string, Provider] => [
      provider.id,
      {
        id: provider.id,
        baseUrl: provider.baseUrl.replace(/\/$/, ''),
        api: provider.api,
        operations: new Set(operations.filter((operation) => serves(provider, operation))),
        apiKey: config.apiKeys[provider.id] ?? null,
      },
    ]),
  )
  const caller = createModelCaller({ clock: scope.clock, connectionsMax: config.callsMax })
  scope.onStop('caller', () => caller.stop())
  return createLegRunner({
    clock: scope.clock,
    caller,
    budget: createRedisBudget(redis, config.topicPrefix),
    concurrency: { ...concurrency, max: config.callsMax },
    retriesMax: config.retriesMax,
    waitingBytesMax: config.waitingBytesMax,
    provider: (variant) => providers.get(variant.provider) ?? null,
    price: (variant) => priceOf(config, variant),
    limits: (run) => view.budget(run),
    onUnpriced: createUnpricedWarning(scope, config.providersFile),
    onResolved,
    metrics: scope.metrics,
  })
}

const warnedMax = 1_000

/** Says once per model that its budget in money cannot be kept, and what to do. */
function createUnpricedWarning({ log }: Scope, providersFile: string): (variant: Variant) => void {
  const warned = new Set<string>()
  return ({ provider, model }) => {
    const key = `${provider}/${model}`
    if (warned.has(key) || warned.size >= warnedMax) return
    warned.add(key)
    const field = `providers[id=${provider}].prices.${model}`
    log.error(
      { provider, model },
      `${providersFile}: ${field} is not set, so the shadow budget in money cannot be kept and no leg of this model is called (skipped_budget, no_price). Write inputUsdPerMillion and outputUsdPerMillion there, 0 for a model that costs nothing, and restart`,
    )
  }
}

function priceOf(config: CoreConfig, variant: Variant): Price | null {
  const price = config.providers.providers.find(({ id }) => id === variant.provider)?.prices[variant.model]
  return price === undefined
    ? null
    : {
        inputMicroUsdPerMillion: price.inputUsdPerMillion * 1e6,
        outputMicroUsdPerMillion: price.outputUsdPerMillion * 1e6,
      }
}

interface ServiceParts {
  readonly codec: ProjectingCodec<Records>
  readonly producer: Producer
  readonly view: RouteView
  readonly runner: LegRunner
}

function createService(
  scope: Scope,
  config: CoreConfig,
  { codec, producer, view, runner }: ServiceParts,
): ShadowService {
  const { signal, clock } = scope
  const guard = createDeadLetterGuard()
  const lettered = countDeadLetters(scope.metrics, 'shadow')
  const allowed = new Map(config.providers.tenants.map((tenant) => [tenant.id, new Set(tenant.shadowProviders)]))
  const persistent: Producer = {
    send: (records) => sendPersistently(producer, records, scope),
    close: () => producer.close(),
  }
  return createShadowService({
    codec: {
      encode: (name, value) => codec.encode(name, value),
      // A schema id that only the registry knows: the partition waits for it, the others go on.
      decode: (value) => persistently('decoding', () => codec.decode(value), scope),
    },
    clock,
    metrics: scope.metrics,
    log: scope.log,
    usable: (record) => guard.good(1, record),
    view,
    runner,
    producer: persistent,
    allowedProviders: (tenant) => allowed.get(tenant) ?? new Set(),
    promptOf: (route, version) => promptOf(config.prompts[route], version),
    async deadLetter(record, code, reason) {
      lettered(code)
      const { topic, partition, offset } = record
      const letter = {
        consumer: 'shadow',
        topic,
        partition,
        offset,
        code,
        reason,
        record_name: null,
        at: clock.nowMs(),
      }
      await persistent.send([{ topic: topics.deadLetters.name, key: topic, value: codec.encode('DeadLetter', letter) }])
      guard.bad(record)
    },
    onLost: (cause, of) => {
      if (signal.aborted) return
      scope.log.error({ ...of, err: errorText(cause) }, 'a plan or an answer was refused for good')
      scope.fail(cause)
    },
  })
}

interface ConsumerParts {
  readonly transport: Transport
  readonly codec: ProjectingCodec<Records>
  readonly service: ShadowService
  readonly runner: LegRunner
}

async function consumeExchanges(
  scope: Scope,
  config: CoreConfig,
  { transport, codec, service, runner }: ConsumerParts,
): Promise<void> {
  const own = codec.project({ ShadowPlan: ['exchange_id', 'legs'], Response: ['exchange_id', 'arm', 'leg'] })
  const join = () =>
    transport.consume({
      groupId: config.groupId,
      topics: [topics.exchanges.name],
      async onAssigned(partitions) {
        const reading = () => readOwnRecords(transport, own, partitions, (appendMs) => service.observeAppend(appendMs))
        service.onAssigned(partitions, await persistently('reading own records', reading, scope))
      },
      onRevoked: (partitions) => service.onRevoked(partitions),
      onBatch: (batch) => service.onBatch(batch),
    })
  const consumer = await scope.use('exchanges', () => persistently('joining the group', join, scope))
  consumer.crashed.catch((error: unknown) => scope.fail(error))
  const timers = [
    scope.timers.every(pumpMs, () => runner.pump()),
    scope.timers.every(commitMs, () => {
      consumer
        .commit(service.commitOffsets())
        .catch((error: unknown) => scope.log.warn({ err: String(error) }, 'offsets not committed; trying again'))
    }),
  ]
  scope.onStop('timers', () => {
    for (const stop of timers) stop()
  })
}

/** Splits and brakes, read to their ends before the first request is planned. */
async function watchControl(scope: Scope, transport: Transport, codec: Codec<Records>, view: RouteView): Promise<void> {
  const read = () =>
    transport.read({
      topics: [topics.splits.name, topics.brakes.name],
      startAt: 'beginning',
      async onBatch(batch) {
        for (const { key, value } of batch.records) {
          const decoded = value === null ? null : await codec.decode(value)
          if (key === null || decoded?.kind !== 'record') continue
          if (decoded.name === 'Split') view.applySplit(key, decoded.value as Split)
          if (decoded.name === 'Latch') view.applyBrake(key, { latch: decoded.value as Latch })
          if (decoded.name === 'Kill') view.applyBrake(key, { kill: decoded.value as Kill })
        }
      },
    })
  const reader = await scope.use('control', () => persistently('reading control topics', read, scope))
  reader.crashed.catch((error: unknown) => scope.fail(error))
  await reader.caughtUp
}
