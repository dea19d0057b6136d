import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ModelServer, startModelServer } from '../../scripts/demo/model-server.ts'
import { arenaRecordings } from '../../scripts/demo/recordings.ts'
import { startTraffic, type Traffic } from '../../scripts/demo/traffic.ts'
import { subjectPrefix } from '../../scripts/deploy-installation.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { request, response } from '../integration/clickhouse-rows.ts'
import { garbage, skewsMs } from '../support/garbage.ts'
import { startTestInstallation } from '../support/installation.ts'
import { serviceNames, type TestInstallation } from '../support/service-installation.ts'
import { silentLog } from '../support/silent-log.ts'
import { testStack } from '../support/stack.ts'

/** Counts of one shape from the store. */
type Row = Readonly<Record<string, number | string>>

const perSecond = 25

const rollout = readFileSync(new URL('./long-canary.yaml', import.meta.url), 'utf8')

describe('one process per service', () => {
  let model: ModelServer
  let penstock: TestInstallation
  let traffic: Traffic
  let run = ''

  beforeAll(async () => {
    const recordings = arenaRecordings()
    model = await startModelServer(recordings)
    penstock = await startTestInstallation('outages', {
      providers: [{ id: 'replay', baseUrl: model.baseUrl, prices }],
      routes: [{ id: 'chat', default: { id: 'gpt-4-0613', provider: 'replay', model: 'gpt-4-0613' } }],
    })
    traffic = startTraffic({
      url: penstock.gatewayUrl,
      token: penstock.tenantToken,
      route: 'chat',
      model: 'gpt-4-0613',
      recordings,
      perSecond,
      repeat: true,
    })
    ;({ run } = await penstock.api.apply(rollout, null))
  }, 240_000)

  afterAll(async () => {
    await traffic?.stop()
    await penstock?.stop()
    await model?.stop()
  }, 120_000)

  const status = () => penstock.api.status(run)
  const until = async (what: string, holds: () => Promise<boolean>, withinS: number) => {
    for (let waited = 0; waited < withinS * 5; waited += 1) {
      if (await holds().catch(() => false)) return
      await delay(200)
    }
    throw new Error(`never came: ${what}; ${JSON.stringify(await status()).slice(0, 1_000)}`)
  }
  const numbers = async (sql: string): Promise<Row> => {
    const [row] = await penstock.query(sql)
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]))
  }

  it('goes on where it was when each service in turn is killed with -9 under traffic', async () => {
    await until('the canary at 10 %', async () => (await status()).candidateWeight === 10_000, 90)
    await delay(5_000)
    const before = await status()
    const fromMs = Date.now()
    for (const service of serviceNames) {
      if (service === 'gateway') {
        const lapses = await numbers(
          `SELECT count() AS n FROM acks WHERE lease = 'lapsed' AND epoch > 0 AND sent_at >= fromUnixTimestamp64Milli(${fromMs})`,
        )
        expect(lapses['n'], 'no restart of a gate made the lease lapse').toBe(0)
      }
      await penstock.killAndRestart(service)
      await delay(3_000)
      const after = await status()
      expect([after.phase, after.stage, after.stageEntry], `after kill -9 of ${service}`).toEqual([
        before.phase,
        before.stage,
        before.stageEntry,
      ])
    }
    expect(Object.values(penstock.restarts), 'nobody fell over because another was killed').toEqual(
      serviceNames.map(() => 0),
    )
  }, 240_000)

  it('keeps clients unharmed while the broker is away, takes the candidate out when the lease is over, and recovers by itself', async () => {
    const failedBefore = traffic.counts.failed
    const candidateRequests = async () => {
      const text = await penstock.metrics('gateway')
      const lines = text
        .split('\n')
        .filter((line) => line.startsWith('penstock_gateway_requests_total') && line.includes('arm="candidate"'))
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    }
    await until(
      'the lease is live again',
      async () => {
        const start = await candidateRequests()
        await delay(2_000)
        return (await candidateRequests()) > start
      },
      90,
    )
    const stack = testStack()
    await stack.kill('kafka')
    try {
      // The lease of this rollout is 8 s; what follows is twice that.
      await delay(16_000)
      const lapsed = await candidateRequests()
      await delay(4_000)
      expect(await candidateRequests(), 'the candidate gets nothing after the lease').toBe(lapsed)
    } finally {
      await stack.start('kafka')
    }
    const lapsed = await candidateRequests()
    await until('the candidate serves again', async () => (await candidateRequests()) > lapsed, 120)
    expect(traffic.counts.failed - failedBefore, 'requests that failed').toBe(0)
    expect(penstock.restarts.gateway).toBe(0)
    expect((await status()).phase).toBe('canary')
  }, 300_000)

  it('takes garbage on every topic and at every door, and goes on', async () => {
    const transport = createKafkajsTransport({ clientId: 'garbage', ...penstock.broker, log: silentLog })
    const failedBefore = traffic.counts.failed
    try {
      const records = await garbage(
        { registryUrl: penstock.registryUrl, stateDir: join(penstock.dir, 'state/garbage'), subjectPrefix },
        { request: request('skewed', 'baseline'), response: response('skewed', 'baseline', 'live', 'text') },
      )
      const producer = await transport.producer()
      for (const record of records) await producer.send([record])
      await producer.close()
    } finally {
      await transport.close()
    }
    // A path that no tenant may call: what the provider would make of it is not found out.
    expect(await penstock.knock('/v1/nothing', 'x')).toBe(403)
    expect(await penstock.knock('/v1/chat/completions', '{"model":')).toBeGreaterThanOrEqual(400)
    expect(await penstock.knock('/v1/chat/completions', '{}', { 'x-penstock-route': 'nowhere' })).toBe(404)
    await expect(penstock.api.apply('kind: Rollout\nnmae: x\n', null)).rejects.toThrow(/line 2.*name/s)
    await expect(penstock.post(`/v1/runs/${run}/commands`, { kind: 'explode' })).rejects.toThrow(/kind/)
    await until(
      'exchanges whose clocks are days off are stored like others',
      async () => {
        const stored = await numbers("SELECT count() AS n FROM legs WHERE startsWith(exchange_id, 'skewed-')")
        return stored['n'] === 2 * skewsMs.length
      },
      60,
    )
    await delay(3_000)
    expect((await status()).phase).toBe('canary')
    expect(traffic.counts.failed - failedBefore, 'requests that failed').toBe(0)
    expect(penstock.restarts).toEqual(Object.fromEntries(serviceNames.map((service) => [service, 0])))
  }, 180_000)
})

const prices = {
  'gpt-4-0314': { inputUsdPerMillion: 30, outputUsdPerMillion: 60 },
  'gpt-4-0613': { inputUsdPerMillion: 30, outputUsdPerMillion: 60 },
}
