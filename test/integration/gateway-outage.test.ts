import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { deploy } from '../../scripts/deploy-installation.ts'
import type { GatewayConfig } from '../../services/gateway/config.ts'
import { startGateway } from '../../services/gateway/start.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope, type OwnedScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers, testStack } from '../support/stack.ts'
import { gatewayConfig, startUpstream, token, type Upstream, watchExchanges } from './gateway-rig.ts'

const everyMs = 40

let dir: string
let upstream: Upstream
let scope: OwnedScope

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'penstock-outage-'))
  upstream = await startUpstream()
  const metrics = createPrometheusMetrics()
  scope = createScope({ log: silentLog, metrics, clock: systemClock, deadlineMs: 10_000 })
})

afterEach(async () => {
  await scope.stop()
  upstream.close()
  rmSync(dir, { recursive: true, force: true })
})

async function deployTopics(topicPrefix: string): Promise<void> {
  const { kafka, registry } = testServers()
  const transport = createKafkajsTransport({ clientId: 'deploy', brokers: kafka.brokers, topicPrefix, log: silentLog })
  await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
  await transport.close()
}

async function start(topicPrefix: string, change: Partial<GatewayConfig> = {}): Promise<number> {
  const given = { upstreamUrl: upstream.url, stateDir: dir, topicPrefix }
  return (await startGateway(scope, gatewayConfig(testServers(), given, change))).port
}

async function ask(port: number, content = 'hi'): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: 'json', messages: [{ role: 'user', content }] }),
  })
  await response.text()
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  return response.headers.get('x-penstock-exchange') ?? ''
}

/** Every exchange is in the log, both of its records, once, the request first, and requests in the order of their arrival. */
async function expectComplete(topicPrefix: string, served: readonly string[]): Promise<void> {
  const watch = await watchExchanges(testServers(), topicPrefix, dir)
  const complete = () => served.filter((id) => watch.of(id).length >= 2).length
  await watch.until('all exchanges', () => complete() === served.length).catch(() => undefined)
  const counts = { complete: complete(), records: watch.records.length }
  expect(counts).toEqual({ complete: served.length, records: 2 * served.length })
  for (const id of served) expect(watch.of(id).map(({ name }) => name)).toEqual(['Request', 'Response'])
  const arrivals = new Map<number, number[]>()
  for (const { name, partition, value } of watch.records)
    if (name === 'Request') arrivals.set(partition, [...(arrivals.get(partition) ?? []), value.arrived_at])
  for (const times of arrivals.values()) expect(times).toEqual(times.toSorted((a, b) => a - b))
  await watch.stop()
}

it('every exchange of an outage of the broker arrives once when it is back, and no caller notices', async () => {
  const stack = testStack()
  await deployTopics('gateway-outage.')
  const port = await start('gateway-outage.')
  const served: string[] = []
  const failures: unknown[] = []
  const asking = setInterval(() => {
    ask(port).then(
      (id) => served.push(id),
      (error: unknown) => failures.push(error),
    )
  }, everyMs)
  await delay(2_000)
  await stack.kill('kafka')
  // Longer than kafkajs itself goes on trying.
  await delay(18_000)
  await stack.start('kafka')
  await delay(2_000)
  clearInterval(asking)
  await delay(500)
  expect(failures).toEqual([])
  expect(served.length).toBeGreaterThan(200)
  await expectComplete('gateway-outage.', served)
  expect(await scope.metrics.text()).not.toMatch(/penstock_tap_drops_total\{/)
})

it('a gateway that starts without broker and registry serves at once, and what it served arrives when they are there', async () => {
  const stack = testStack()
  await deployTopics('gateway-early.')
  await stack.kill('registry')
  await stack.kill('kafka')
  const port = await start('gateway-early.')
  const served: string[] = []
  for (let index = 0; index < 100; index += 1) served.push(await ask(port))
  const metrics = await scope.metrics.text()
  expect(metrics).toMatch(/penstock_tap_waiting_exchanges 100\n/)
  // The broker first: what waits for the schemas must not be taken for what waits for the broker.
  await stack.start('kafka')
  await delay(1_500)
  for (let index = 0; index < 20; index += 1) served.push(await ask(port))
  await stack.start('registry')
  await expectComplete('gateway-early.', served)
  expect(await scope.metrics.text()).not.toMatch(/penstock_tap_drops_total\{/)
  expect(await scope.metrics.text()).toMatch(/penstock_tap_waiting_bytes 0\n/)
})

it('what does not fit while they are away is left out and counted: texts first, then exchanges; nobody waits', async () => {
  const stack = testStack()
  await deployTopics('gateway-full.')
  await stack.kill('kafka')
  const port = await start('gateway-full.', { tapBytesMax: 300_000 })
  const served: string[] = []
  for (let index = 0; index < 100; index += 1) served.push(await ask(port, 'x'.repeat(20_000)))
  await stack.start('kafka')
  const watch = await watchExchanges(testServers(), 'gateway-full.', dir)
  const idle = async () => (await scope.metrics.text()).includes('penstock_tap_waiting_exchanges 0\n')
  await expect.poll(idle, { timeout: 30_000 }).toBe(true)
  const after = await ask(port)
  await watch.response(after)
  const known = served.filter((id) => watch.of(id).length > 0)
  const whole = known.filter((id) =>
    watch.of(id).some(({ name, value }) => name === 'Request' && value.body.length > 0),
  )
  expect(whole.length).toBeGreaterThan(1)
  expect(whole.length).toBeLessThan(known.length)
  const drops = await scope.metrics.text()
  expect(drops).toContain(`penstock_tap_drops_total{what="exchange"} ${served.length - known.length}\n`)
  expect(drops).toContain(`penstock_tap_drops_total{what="body"} ${known.length - whole.length}\n`)
  expect(scope.report().notes).toContainEqual({
    name: 'tap',
    why: expect.stringContaining(`exchange ${served.length - known.length}`) as string,
  })
  // Consumers learn of it from the records themselves.
  const { tap_drops } = await watch.request(after)
  expect(tap_drops).toBeGreaterThanOrEqual(served.length - whole.length)
  await watch.stop()
})
