import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../infra/native/ports.ts'
import { deploy, subjectPrefix } from '../../scripts/deploy-installation.ts'
import type { Evidence, Records } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { writeRun } from '../../services/domain/rollout/run-document.ts'
import { draftRun, samplePlan, shortSpec } from '../../services/domain/rollout/sample-run.ts'
import { topics } from '../../services/flow.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import { readTopic } from '../support/read-topic.ts'
import { startTestService } from '../support/service.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers } from '../support/stack.ts'
import { request, response } from './clickhouse-rows.ts'

const halfPairs = 20_000
const openMax = 1_000
const perSend = 1_000
const topicPrefix = 'limits-'

it('20,000 exchanges whose other leg never comes: at its limit pairing says of each that it gives up that nobody was heard of', async () => {
  const stack = testServers()
  const { kafka, registry } = stack
  const stateDir = mkdtempSync(join(tmpdir(), 'penstock-limits-'))
  onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
  const transport = createKafkajsTransport({ clientId: 'limits', brokers: kafka.brokers, topicPrefix, log: silentLog })
  onTestFinished(() => transport.close())
  await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
  const codec = await openCodec<Records>({ registryUrl: registry.url, stateDir, subjectPrefix, schemaTexts })
  const producer = await transport.producer()
  onTestFinished(() => producer.close())
  const error = {
    name: 'error',
    role: 'guardrail',
    kind: 'binary',
    lowerIsBetter: true,
    mustHaveData: false,
    budgetMs: null,
    horizonMs: 600_000,
    comparisons: ['live_ab'],
  } as const
  const plan = { ...samplePlan, legTimeoutMs: 600_000, metrics: [error] }
  const run = writeRun({ ...draftRun(shortSpec(), 'run-1'), plan })
  await producer.send([{ topic: topics.runs.name, key: 'run-1', value: Buffer.from(run) }])
  for (let from = 0; from < halfPairs; from += perSend) {
    const ids = Array.from({ length: perSend }, (_, index) => `half-${from + index}`)
    const record = (id: string, value: Buffer) => ({ topic: topics.exchanges.name, key: id, value })
    await producer.send([
      ...ids.map((id) => record(id, codec.encode('Request', { ...request(id, 'baseline'), body: Buffer.alloc(0) }))),
      ...ids.map((id) => record(id, codec.encode('Response', response(id, 'baseline', 'live', 'said')))),
    ])
  }
  const adminPort = await freePort()
  const pairing = startTestService({
    service: 'pairing',
    logPath: join(stateDir, 'pairing.log'),
    environment: {
      PENSTOCK_KAFKA_BROKERS: kafka.brokers,
      PENSTOCK_TOPIC_PREFIX: topicPrefix,
      PENSTOCK_REGISTRY_URL: registry.url,
      PENSTOCK_STATE_DIR: stateDir,
      PENSTOCK_ADMIN_PORT: String(adminPort),
      PENSTOCK_PAIRING_OPEN_MAX: String(openMax),
    },
  })
  onTestFinished(() => pairing.kill())
  const givenUp = halfPairs - openMax * topics.exchanges.partitions
  const metrics = async () => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`).catch(() => null)
    return (await answer?.text()) ?? ''
  }
  await expect
    .poll(metrics, { timeout: 60_000 })
    .toContain(`penstock_pairing_exchanges{outcome="evicted"} ${givenUp}\n`)
  expect(await metrics()).toContain(`penstock_pairing_open_exchanges ${halfPairs - givenUp}\n`)
  expect(await metrics()).toMatch(/penstock_pairing_open_share 1\n/)
  const evidence = async () =>
    (await readTopic(transport, codec, topics.evidence.name)).map(({ value }) => value as Evidence)
  await expect.poll(async () => (await evidence()).length, { timeout: 30_000 }).toBe(givenUp)
  const all = await evidence()
  expect(new Set(all.map(({ exchange_id: id }) => id)).size).toBe(givenUp)
  for (const { comparison, baseline_resolution: baseline, candidate_resolution: candidate, metrics: none } of all)
    expect({ comparison, baseline, candidate, none }).toEqual({
      comparison: 'live_ab',
      baseline: null,
      candidate: null,
      none: [],
    })
})
