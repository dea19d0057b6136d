import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { deploy } from '../../scripts/deploy-installation.ts'
import { startGateway } from '../../services/gateway/start.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import { silentLog } from '../support/silent-log.ts'
import { testStack } from '../support/stack.ts'
import { gatewayConfig, startUpstream, token, watchExchanges } from './gateway-rig.ts'

const topicPrefix = 'gateway-outage.'
const everyMs = 40
const outageMs = 20_000

it('every exchange of an outage of the broker arrives once when it is back, and no caller notices', async () => {
  const stack = testStack()
  const dir = mkdtempSync(join(tmpdir(), 'penstock-outage-'))
  const transport = createKafkajsTransport({
    clientId: 'deploy',
    brokers: stack.kafka.brokers,
    topicPrefix,
    log: silentLog,
  })
  await deploy({ transport, registryUrl: stack.registry.url, clickhouse: null, migrations: '' })
  await transport.close()
  const upstream = await startUpstream()
  const scope = createScope({
    log: silentLog,
    metrics: createPrometheusMetrics(),
    clock: systemClock,
    deadlineMs: 10_000,
  })
  const { port } = await startGateway(
    scope,
    gatewayConfig({ ...stack, dir: '' }, { upstreamUrl: upstream.url, stateDir: dir, topicPrefix }),
  )
  const served: string[] = []
  const failures: unknown[] = []
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: '{"model":"json","messages":[{"role":"user","content":"hi"}]}',
    })
    await response.text()
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    served.push(response.headers.get('x-penstock-exchange') ?? '')
  }
  const asking = setInterval(() => void ask().catch((error: unknown) => failures.push(error)), everyMs)
  await delay(2_000)
  await stack.kill('kafka')
  await delay(outageMs)
  await stack.start('kafka')
  await delay(2_000)
  clearInterval(asking)
  await delay(500)
  expect(failures).toEqual([])
  expect(served.length).toBeGreaterThan(outageMs / everyMs / 2)

  const watch = await watchExchanges({ ...stack, dir: '' }, topicPrefix, dir)
  const complete = () => served.filter((id) => watch.of(id).length >= 2).length
  await watch.until('all exchanges', () => complete() === served.length).catch(() => undefined)
  const counts = { served: served.length, complete: complete(), records: watch.records.length }
  expect(counts).toEqual({ served: served.length, complete: served.length, records: 2 * served.length })
  expect(await scope.metrics.text()).not.toMatch(/penstock_tap_drops_total\{/)
  await watch.stop()
  await scope.stop()
  upstream.close()
  rmSync(dir, { recursive: true, force: true })
})
