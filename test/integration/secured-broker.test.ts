import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type ModelServer, startModelServer } from '../../scripts/demo/model-server.ts'
import { arenaRecordings } from '../../scripts/demo/recordings.ts'
import { startTraffic } from '../../scripts/demo/traffic.ts'
import { principalOf, type Service, services, topics } from '../../services/flow.ts'
import { startGateway } from '../../services/gateway/start.ts'
import { type BrokerSecurity, readBrokerSecurity, unsecured } from '../../services/platform/kafka/broker-security.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Transport } from '../../services/platform/kafka/transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import { eachRecord } from '../support/each-record.ts'
import { type SecuredBroker, startSecuredBroker } from '../support/secured-broker.ts'
import { serviceNames, startServiceInstallation } from '../support/service-installation.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers } from '../support/stack.ts'
import { gatewayConfig, startUpstream, token } from './gateway-rig.ts'

const prefix = 'secured'
const accountOf = (name: string) => principalOf(name).replace('User:', '')
const accounts = [...Object.values<Service>(services).map(({ name }) => name), 'deploy'].map(accountOf)
const rights = readFileSync(new URL('../../infra/kafka/acls.txt', import.meta.url), 'utf8')
const rollout = readFileSync(new URL('../e2e/long-canary.yaml', import.meta.url), 'utf8')
const price = { inputUsdPerMillion: 30, outputUsdPerMillion: 60 }
const prices = { 'gpt-4-0613': price, 'gpt-4-0314': price }

interface Report {
  readonly checks: readonly { readonly part: string; readonly state: string; readonly what: string }[]
}

describe('a broker that asks who is there', () => {
  const dir = mkdtempSync(join(tmpdir(), 'penstock-secured-'))
  let broker: SecuredBroker
  let model: ModelServer

  beforeAll(async () => {
    model = await startModelServer(arenaRecordings())
    broker = await startSecuredBroker(testServers().dir, dir, [
      ...accounts,
      'penstock-late',
      'penstock-groupless',
      'penstock-nobody',
    ])
    const lines = rights.split('\n').filter((line) => line.startsWith('--'))
    await broker.allow(lines, `${prefix}.`)
  })

  afterAll(async () => {
    await broker?.stop()
    await model?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('serves a whole Penstock whose accounts have the rights of infra/kafka/acls.txt and no others', async () => {
    const stack = { ...testServers(), kafka: { ...testServers().kafka, brokers: broker.brokers } }
    const penstock = await startServiceInstallation(stack, {
      name: prefix,
      providers: {
        providers: [{ id: 'replay', baseUrl: model.baseUrl, prices }],
        routes: [{ id: 'chat', default: { id: 'gpt-4-0613', provider: 'replay', model: 'gpt-4-0613' } }],
      },
      securityFileOf: (name) => broker.securityFileOf(accountOf(name)),
    })
    onTestFinished(() => penstock.stop())
    const { run } = await penstock.api.apply(rollout, null)
    const traffic = startTraffic({
      url: penstock.gatewayUrl,
      token: penstock.tenantToken,
      route: 'chat',
      model: 'gpt-4-0613',
      recordings: arenaRecordings(),
      perSecond: 20,
      repeat: true,
      onExchange: () => undefined,
    })
    try {
      // Through every topic and back: captured, mirrored, paired, judged, decided, split.
      await expect
        .poll(async () => (await penstock.api.status(run)).candidateWeight, { timeout: 90_000, interval: 500 })
        .toBe(10_000)
      const stored = 'SELECT count() AS n FROM evidence WHERE notEmpty(candidate_metrics)'
      await expect
        .poll(async () => Number((await penstock.query(stored))[0]?.['n']), { timeout: 20_000, interval: 500 })
        .toBeGreaterThan(40)
      const doctor = async () => (await penstock.get<Report>('/v1/doctor')).checks
      const ailing = async () => (await doctor()).filter(({ state }) => state !== 'ok')
      await expect.poll(ailing, { timeout: 60_000, interval: 1_000 }).toEqual([])
      expect((await doctor()).find(({ part }) => part === 'rights')?.what).toContain('every service may do what')
      expect(Object.values(penstock.restarts)).toEqual(serviceNames.map(() => 0))
    } finally {
      await traffic.stop()
    }
  }, 240_000)

  const as = async <T>(security: BrokerSecurity, act: (transport: Transport) => Promise<T>): Promise<T> => {
    const { brokers } = broker
    const topicPrefix = `${prefix}.`
    const transport = createKafkajsTransport({ clientId: 'pairing', brokers, security, topicPrefix, log: silentLog })
    try {
      return await act(transport)
    } finally {
      await transport.close()
    }
  }
  const asking = (security: BrokerSecurity) =>
    as(security, (transport) => transport.endOffsets(topics.exchanges.name)).catch((error: unknown) => error)
  const good = () => readBrokerSecurity(broker.securityFileOf('penstock-pairing'))
  /** Without the marks of quiet partitions, which have no value. */
  const exchanges = () =>
    as(good(), async (transport) => {
      let records = 0
      await eachRecord(transport, topics.exchanges.name, ({ value }) => {
        if (value !== null) records += 1
      })
      return records
    })

  it('a gateway that is not let in serves, and what it saw arrives once it is', async () => {
    const before = await exchanges()
    const upstream = await startUpstream()
    const metrics = createPrometheusMetrics()
    const scope = createScope({ log: silentLog, metrics, clock: systemClock, deadlineMs: 10_000 })
    onTestFinished(async () => {
      await scope.stop()
      upstream.close()
    })
    const given = { upstreamUrl: upstream.url, stateDir: join(dir, 'gateway'), topicPrefix: `${prefix}.` }
    const security = readBrokerSecurity(broker.securityFileOf('penstock-late'))
    const config = gatewayConfig(testServers(), given, { brokers: broker.brokers, security })
    const { port } = await startGateway(scope, config)
    for (let calls = 0; calls < 5; calls += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ model: 'json', messages: [{ role: 'user', content: 'hi' }] }),
      })
      await answer.text()
      expect(answer.status).toBe(200)
    }
    await expect
      .poll(() => JSON.stringify(scope.report().notes), { timeout: 20_000 })
      .toContain('give the account the rights of infra/kafka/acls.txt')
    expect(await exchanges()).toBe(before)
    const gateways = rights.split('\n').filter((line) => line.includes(`${principalOf('gateway')} `))
    await broker.allow(
      gateways.map((line) => line.replace('penstock-gateway', 'penstock-late')),
      `${prefix}.`,
    )
    await expect.poll(exchanges, { timeout: 60_000, interval: 500 }).toBe(before + 10)
  })

  it('says that an account or its password is wrong', async () => {
    const { tls, sasl } = good()
    const wrong = { tls, sasl: sasl === null ? null : { ...sasl, password: 'guessed' } }
    expect(await asking(wrong)).toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringMatching(
        /SASL SCRAM SHA512.*; if it stays, look at the account in PENSTOCK_KAFKA_SECURITY_FILE$/,
      ),
    })
  })

  it('says that the account may not', async () => {
    const stranger = readBrokerSecurity(broker.securityFileOf('penstock-nobody'))
    expect(await asking(stranger)).toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringMatching(/authoriz.*; give the account the rights of infra\/kafka\/acls.txt$/i),
    })
  })

  it('says that a consumer may lack the right to its group', async () => {
    const told: (string | null)[] = []
    const sinks = rights.split('\n').filter((line) => line.includes(`${principalOf('sink')} `))
    await broker.allow(
      sinks
        .filter((line) => !line.includes('--group'))
        .map((line) => line.replace('penstock-sink', 'penstock-groupless')),
      `${prefix}.`,
    )
    const transport = createKafkajsTransport({
      clientId: 'groupless',
      brokers: broker.brokers,
      security: readBrokerSecurity(broker.securityFileOf('penstock-groupless')),
      topicPrefix: `${prefix}.`,
      log: silentLog,
      waits: (_, why) => void told.push(why),
    })
    const consumer = await transport.consume({
      groupId: 'sink',
      topics: [topics.exchanges.name],
      onBatch: async () => undefined,
    })
    onTestFinished(async () => {
      await consumer.stop()
      await transport.close()
    })
    await expect
      .poll(() => told.join('\n'), { timeout: 60_000, interval: 250 })
      .toContain('give the account the rights of infra/kafka/acls.txt on groups and transactional ids')
  })

  it('says that the certificate is nobody’s that is believed', async () => {
    expect(await asking({ ...good(), tls: {} })).toMatchObject({
      code: 'BROKER_AWAY',
      message: expect.stringContaining('self-signed certificate'),
    })
  })

  it('says that the broker wants TLS', async () => {
    expect(await asking(unsecured)).toMatchObject({
      code: 'BROKER_AWAY',
      message: expect.stringContaining('the broker wants TLS: ask for it with `tls`'),
    })
  })
})
