import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../infra/native/ports.ts'
import type { Stack } from '../../../infra/native/stack.ts'
import { deploy } from '../../../scripts/deploy-installation.ts'
import { newSecret, sha256Hex, writePrivate } from '../../../scripts/installation/installation-files.ts'
import { awaitAnswer, startServiceProcess } from '../../../scripts/installation/service-process.ts'
import type { Records } from '../../../services/domain/events/records.ts'
import { schemaTexts } from '../../../services/domain/events/schemas.ts'
import { sampleSplit } from '../../../services/domain/routing/sample-split.ts'
import { topics } from '../../../services/flow.ts'
import { createKafkajsTransport } from '../../../services/platform/kafka/kafkajs-transport.ts'
import { openCodec } from '../../../services/platform/registry/open-codec.ts'
import { silentLog } from '../../support/silent-log.ts'
import type { Started } from './peers.ts'
import { markOf, type Place, type Target } from './place.ts'

/**
 * Our gateway's states. `tap`: every exchange captured; `uncaptured`: an operation that is passed on and not captured, the gateway's only way without a
 * tap; `shadow`: captured, and the shadow service asks a candidate as well; `dead`: as `tap`, with Kafka killed.
 */
export const stateNames = ['tap', 'uncaptured', 'shadow', 'dead'] as const

/** What the shadow service asks for. */
export const candidateModel = 'bench-candidate'
/** What is asked for where every call is mirrored. */
export const mirroredModel = 'bench-mirrored'
const [provider, route] = ['model', 'chat']

export interface Penstock extends Started {
  /** What the tap has left out so far. */
  drops(): Promise<number>
}

/** Starts one gateway with topics of its own, and for `shadow` the shadow service and a split that mirrors every request. */
export async function startPenstock(
  place: Place,
  stack: Stack,
  name: 'tap' | 'shadow',
  environment: Readonly<Record<string, string>> = {},
): Promise<Penstock> {
  const dir = join(place.dir, name)
  mkdirSync(dir, { recursive: true })
  const topicPrefix = `${name}.`
  const { kafka, registry, redis } = stack
  const transport = createKafkajsTransport({ clientId: 'bench', brokers: kafka.brokers, topicPrefix, log: silentLog })
  await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
  const token = newSecret()
  const providersFile = join(dir, 'providers.yaml')
  writePrivate(providersFile, {
    providers: [{ id: provider, baseUrl: `http://127.0.0.1:${place.modelPort}/v1`, prices: prices() }],
    routes: [{ id: route, default: { id: 'a', provider, model: 'bench' } }],
    tenants: [{ id: 'acme', tokenSha256: sha256Hex(token) }],
  })
  const begin = async (service: 'gateway' | 'shadow', more: Readonly<Record<string, string>>) => {
    const adminPort = await freePort()
    const logPath = join(dir, `${service}.log`)
    const process = startServiceProcess({
      service,
      logPath,
      environment: {
        PENSTOCK_KAFKA_BROKERS: kafka.brokers,
        PENSTOCK_TOPIC_PREFIX: topicPrefix,
        PENSTOCK_REGISTRY_URL: registry.url,
        PENSTOCK_REDIS_URL: redis.url,
        PENSTOCK_PROVIDERS_FILE: providersFile,
        PENSTOCK_STATE_DIR: join(dir, service),
        PENSTOCK_ADMIN_PORT: String(adminPort),
        ...more,
        ...markOf(place),
      },
    })
    const url = `http://127.0.0.1:${adminPort}/readyz`
    await awaitAnswer(process, url, { withinMs: 60_000, logPath })
    return { process, adminPort }
  }
  const port = await freePort()
  const gateway = await begin('gateway', {
    PENSTOCK_GATEWAY_PORT: String(port),
    PENSTOCK_HASH_KEY: newSecret(),
    ...environment,
  })
  const shadow = name === 'shadow' ? await begin('shadow', {}) : null
  if (shadow !== null) {
    const stateDir = join(dir, 'bench')
    const codec = await openCodec<Records>({
      registryUrl: registry.url,
      stateDir,
      subjectPrefix: 'penstock.v1.',
      schemaTexts,
    })
    const producer = await transport.producer()
    await producer.send([{ topic: topics.splits.name, key: route, value: codec.encode('Split', mirroring()) }])
    await producer.close()
  }
  await transport.close()
  const url = `http://127.0.0.1:${port}/v1/chat/completions`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  return {
    // A name of its own, so that the model can tell how many of the calls it had twice.
    target: { name, url, headers, model: name === 'shadow' ? mirroredModel : 'bench', pids: [gateway.process.pid] },
    async drops() {
      const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text()
      return [...text.matchAll(/^penstock_tap_drops_total\{.*\} (\d+)$/gm)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      )
    },
    async stop() {
      await Promise.all([gateway.process.stop(), shadow?.process.stop()])
    },
  }
}

/** The same gateway by a path whose calls are passed on and not captured. */
export const uncaptured = (target: Target): Target => ({
  ...target,
  name: 'uncaptured',
  url: target.url.replace('/chat/completions', '/score'),
})

const prices = () => {
  const price = { inputUsdPerMillion: 1, outputUsdPerMillion: 1 }
  return { bench: price, [candidateModel]: price }
}

function mirroring() {
  const common = { provider, prompt_version: null, parameters: {} }
  const plenty = 2_000_000_000
  return sampleSplit({
    route,
    run: 'bench',
    default_variant: 'a',
    variants: [
      { ...common, id: 'a', model: 'bench' },
      { ...common, id: 'b', model: candidateModel },
    ],
    rules: [{ id: 'all', wave: 'w', match: {}, candidate_weight: 0 }],
    stages: { w: 'shadow' },
    shadow: {
      share: 1,
      second_leg_share: 0,
      counterfactual_share: 0,
      segment_shares: {},
      deadline_ms: 60_000,
      leg_timeout_ms: 10_000,
      budgets: { calls: plenty, micro_usd: plenty },
      salt: 'bench',
    },
  })
}
