import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deploy } from '../../scripts/deploy-installation.ts'
import type { Ack, Latch, Records, Split } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { sampleSplit } from '../../services/domain/routing/sample-split.ts'
import { startGateway } from '../../services/gateway/start.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Producer, Reader, Transport } from '../../services/platform/kafka/transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope, type OwnedScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers } from '../support/stack.ts'
import { gatewayConfig, startUpstream, token, type Upstream, type Watch, watchExchanges } from './gateway-rig.ts'

const topicPrefix = 'gateway-control.'
const dir = mkdtempSync(join(tmpdir(), 'penstock-gateway-control-'))
const acks: Ack[] = []

let transport: Transport
let producer: Producer
let reader: Reader
let codec: Codec<Records>
let upstream: Upstream
let watch: Watch
let scope: OwnedScope
let port = 0

const split: Split = sampleSplit({
  epoch: 1,
  run: 'run-1',
  default_variant: 'v',
  variants: [
    { id: 'v', provider: 'p', model: 'json', prompt_version: null, parameters: {} },
    { id: 'next', provider: 'p', model: 'stream', prompt_version: null, parameters: { temperature: '0' } },
  ],
  routers: ['gateway-test'],
})

async function start(brokers: string): Promise<void> {
  const metrics = createPrometheusMetrics()
  scope = createScope({ log: silentLog, metrics, clock: systemClock, deadlineMs: 10_000 })
  const given = { upstreamUrl: upstream.url, stateDir: join(dir, 'gateway'), topicPrefix }
  ;({ port } = await startGateway(scope, gatewayConfig(testServers(), given, { brokers })))
}

beforeAll(async () => {
  const { kafka, registry } = testServers()
  transport = createKafkajsTransport({ clientId: 'control', brokers: kafka.brokers, topicPrefix, log: silentLog })
  await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
  const subjectPrefix = 'penstock.v1.'
  codec = await openCodec<Records>({
    registryUrl: registry.url,
    stateDir: join(dir, 'test'),
    subjectPrefix,
    schemaTexts,
  })
  producer = await transport.producer()
  reader = await transport.read({
    topics: ['control.acks.v1'],
    startAt: 'beginning',
    async onBatch({ records }) {
      for (const { value } of records) {
        const decoded = value === null ? null : await codec.decode(value)
        if (decoded?.kind === 'record' && decoded.name === 'Ack') acks.push(decoded.value)
      }
    },
  })
  upstream = await startUpstream()
  watch = await watchExchanges(testServers(), topicPrefix, join(dir, 'watch'))
  await start(kafka.brokers)
})

afterAll(async () => {
  await scope.stop()
  await watch.stop()
  await reader.stop()
  await producer.close()
  await transport.close()
  upstream.close()
  rmSync(dir, { recursive: true, force: true })
})

const write = (change: Partial<Split>) =>
  producer.send([{ topic: 'control.splits.v1', key: 'r', value: codec.encode('Split', { ...split, ...change }) }])

/** The ack of an epoch, once it is as wanted. */
async function acked(epoch: number, wanted: Partial<Ack>): Promise<void> {
  await expect
    .poll(() => acks.findLast((ack) => ack.epoch === epoch), { timeout: 20_000 })
    .toMatchObject({ router: 'gateway-test', route: 'r', ...wanted })
}

/** Asks, and says which model the provider was asked for. */
async function ask(): Promise<{ readonly id: string | null; readonly model: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: '{"model":"json","messages":[]}',
  })
  await response.text()
  const sent = upstream.seen.findLast(
    ({ headers }) => headers['x-request-id'] === response.headers.get('x-penstock-exchange'),
  )
  const { model } = JSON.parse(sent?.body.toString() ?? '{}') as { readonly model: string }
  return { id: response.headers.get('x-penstock-exchange'), model }
}

it('applies a split and says so; the candidate is asked by its own name, and both records tell', async () => {
  await write({ epoch: 1 })
  await acked(1, { outcome: 'applied', brakes: [], lease: 'live' })
  const { id, model } = await ask()
  expect(model).toBe('stream')
  expect(await watch.request(id)).toMatchObject({ live_arm: 'candidate', assignment: 'split', place: { epoch: 1 } })
  expect(await watch.response(id, 'live', 'candidate')).toMatchObject({
    model_requested: 'stream',
    resolution: 'answered',
  })
})

it('rejects a split of which a provider is unknown, and books nothing to the wrong model', async () => {
  const [known, next] = split.variants
  if (known === undefined || next === undefined) throw new Error('the split has two variants')
  await write({ epoch: 2, variants: [known, { ...next, provider: 'nobody' }] })
  await acked(2, { outcome: 'rejected', code: 'UNKNOWN_PROVIDER' })
  const { id, model } = await ask()
  expect(model).toBe('json')
  expect(await watch.request(id)).toMatchObject({ live_arm: 'baseline', assignment: 'no_split', place: null })
  await write({ epoch: 3 })
  await acked(3, { outcome: 'applied' })
  expect((await ask()).model).toBe('stream')
})

it('obeys and acks a latch, and still does when it starts again without a broker', async () => {
  const times = { breached_at: 0, written_at: 0 }
  const latch: Latch = { id: 'latch-1', route: 'r', run: 'run-1', wave: null, reason: 'errors', by: 'gate', ...times }
  await producer.send([{ topic: 'control.brakes.v1', key: 'r/latch/latch-1', value: codec.encode('Latch', latch) }])
  await acked(3, { outcome: 'applied', brakes: ['latch-1'] })
  expect((await ask()).model).toBe('json')
  await scope.stop()
  await start('127.0.0.1:1')
  expect((await ask()).model).toBe('json')
  await scope.stop()
  // The same file without its latch would have sent this one to the candidate.
  await start(testServers().kafka.brokers)
  await write({ epoch: 4, releases: ['latch-1'] })
  await acked(4, { outcome: 'applied', brakes: [] })
  expect((await ask()).model).toBe('stream')
  await scope.stop()
  await start('127.0.0.1:1')
  expect((await ask()).model).toBe('stream')
})
