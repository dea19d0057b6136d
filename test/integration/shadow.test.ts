import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePort } from '../../infra/native/ports.ts'
import { deploy, subjectPrefix } from '../../scripts/deploy-installation.ts'
import type { ServiceProcess } from '../../scripts/installation/service-process.ts'
import type { DeadLetter, Records, Request, Response, ShadowPlan, Split } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { topics } from '../../services/flow.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Producer, Transport } from '../../services/platform/kafka/transport.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import { readTopic } from '../support/read-topic.ts'
import { startTestService } from '../support/service.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers, testStack } from '../support/stack.ts'
import { request } from './clickhouse-rows.ts'
import { type ShadowModel, startShadowModel } from './shadow-model.ts'

const { kafka, registry, redis } = testServers()
const topicPrefix = `shadow-${randomUUID().slice(0, 8)}-`
const stateDir = mkdtempSync(join(tmpdir(), 'penstock-shadow-'))
const logPath = join(stateDir, 'shadow.log')
const providersFile = join(stateDir, 'providers.yaml')
const legTimeoutMs = 2_000
let transport: Transport
let producer: Producer
let codec: Codec<Records>
let model: ShadowModel

async function startShadow(): Promise<{ readonly process: ServiceProcess; metrics(): Promise<string> }> {
  const port = await freePort()
  const shadow = startTestService({
    service: 'shadow',
    logPath,
    environment: {
      PENSTOCK_KAFKA_BROKERS: kafka.brokers,
      PENSTOCK_TOPIC_PREFIX: topicPrefix,
      PENSTOCK_REGISTRY_URL: registry.url,
      PENSTOCK_REDIS_URL: redis.url,
      PENSTOCK_PROVIDERS_FILE: providersFile,
      PENSTOCK_STATE_DIR: stateDir,
      PENSTOCK_ADMIN_PORT: String(port),
    },
  })
  onTestFinished(() => shadow.kill())
  return {
    process: shadow,
    metrics: async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
  }
}

interface RouteOptions {
  readonly share?: number
  readonly second?: number
  readonly counterfactual?: number
  readonly calls?: number
  readonly candidateProvider?: string
  readonly candidateModel?: string
}

/** A run of its own on a route of its own, so that tests do not meet each other's budgets. */
async function startRun(route: string, options: RouteOptions = {}): Promise<void> {
  const common = { provider: 'here', prompt_version: null, parameters: {} }
  const provider = options.candidateProvider ?? 'here'
  const split: Split = {
    route,
    epoch: 1,
    run: `run-${route}`,
    default_variant: 'a',
    variants: [
      { ...common, id: 'a', model: 'model-a' },
      { ...common, id: 'b', provider, model: options.candidateModel ?? 'model-b' },
    ],
    sticky_key: 'session',
    salt: 's',
    rules: [{ id: 'all', wave: 'all', match: {}, candidate_weight: 0 }],
    stage_entries: { all: 1 },
    stages: { all: 'shadow' },
    shadow: {
      share: options.share ?? 1,
      second_leg_share: options.second ?? 0,
      counterfactual_share: options.counterfactual ?? 0,
      segment_shares: {},
      deadline_ms: 30_000 + legTimeoutMs,
      leg_timeout_ms: legTimeoutMs,
      budgets: { calls: options.calls ?? 10_000, micro_usd: 100_000_000 },
      salt: 'shadow',
    },
    lease_ms: null,
    on_lapse: 'baseline',
    releases: [],
    routers: [],
    written_at: 0,
    decision_id: 'd',
  }
  await producer.send([{ topic: topics.splits.name, key: route, value: codec.encode('Split', split) }])
}

function requestRecord(route: string, id: string, prompt: string, change: Partial<Request> = {}) {
  const place = { run: `run-${route}`, wave: 'all', stage_entry: 1, stage: 'shadow', epoch: 1, rule: 'all' }
  const body = Buffer.from(
    JSON.stringify({ model: 'model-a', store: true, user: 'u', messages: [{ role: 'user', content: prompt }] }),
  )
  const value: Request = {
    ...request(id, 'baseline'),
    route,
    place: { ...place, candidate_weight: 0 },
    body,
    ...change,
  }
  return { topic: topics.exchanges.name, key: id, value: codec.encode('Request', value) }
}

const send = (route: string, id: string, prompt = 'go', change: Partial<Request> = {}) =>
  producer.send([requestRecord(route, id, prompt, change)])

const readAll = (topic: string) => readTopic(transport, codec, topic)

/** Plans and responses of the exchanges whose id begins so. */
async function ledger(prefix: string) {
  const all = await readAll(topics.exchanges.name)
  const named = <T extends { readonly exchange_id: string }>(name: string) =>
    all
      .filter((record) => record.name === name)
      .map(({ value }) => value as T)
      .filter(({ exchange_id: id }) => id.startsWith(prefix))
  const plans = named<ShadowPlan>('ShadowPlan')
  const responses = named<Response>('Response')
  const key = (id: string, arm: string) => `${id}/${arm}`
  return {
    plans,
    responses,
    plannedLegs: plans.flatMap(({ exchange_id: id, legs }) => legs.map(({ arm }) => key(id, arm))).sort(),
    answeredLegs: responses.map(({ exchange_id: id, arm }) => key(id, arm)).sort(),
  }
}

/** Waits until that many exchanges are planned and every planned leg is answered, and a while longer for what may come double. */
async function settled(prefix: string, exchanges: number) {
  await vi.waitFor(
    async () => {
      const { plans, plannedLegs, answeredLegs } = await ledger(prefix)
      expect(new Set(plans.map(({ exchange_id: id }) => id)).size).toBe(exchanges)
      expect(answeredLegs.length).toBeGreaterThanOrEqual(plannedLegs.length)
    },
    { timeout: 45_000, interval: 500 },
  )
  await delay(500)
  return ledger(prefix)
}

const callsOf = (prefix: string) => model.seen.filter(({ requestId }) => requestId.startsWith(prefix))

beforeAll(async () => {
  model = await startShadowModel()
  const prices = Object.fromEntries(
    ['model-a', 'model-b'].map((name) => [name, { inputUsdPerMillion: 1, outputUsdPerMillion: 1 }]),
  )
  const providers = ['here', 'elsewhere'].map((id) => ({ id, baseUrl: model.url, prices }))
  writeFileSync(providersFile, JSON.stringify({ providers, tenants: [{ id: 'acme', shadowProviders: [] }] }))
  transport = createKafkajsTransport({ clientId: 'shadow-test', brokers: kafka.brokers, topicPrefix, log: silentLog })
  await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
  codec = await openCodec<Records>({ registryUrl: registry.url, stateDir, subjectPrefix, schemaTexts })
  producer = await transport.producer()
})

afterAll(async () => {
  await producer?.close()
  await transport?.close()
  await model?.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

describe('shadow on a real broker and a real Redis', () => {
  it('plans by share, answers each leg once, runs no tools and sends nothing stateful', async () => {
    await startRun('shares', { share: 0.5, second: 0.5 })
    await startShadow()
    const ids = Array.from({ length: 200 }, (_, index) => `shares-${index}`)
    await producer.send(ids.map((id) => requestRecord('shares', id, 'go')))
    const { plans, plannedLegs, answeredLegs, responses } = await settled('shares-', ids.length)
    expect(plans).toHaveLength(ids.length)
    expect(answeredLegs).toEqual(plannedLegs)
    const planned = (arm: string) => plannedLegs.filter((leg) => leg.endsWith(arm)).length
    // Five standard errors of a share of 0.5 and of 0.25 around 100 and 50.
    expect(Math.abs(planned('candidate') - 100)).toBeLessThan(36)
    expect(Math.abs(planned('baseline') - 50)).toBeLessThan(31)
    expect(new Set(responses.map(({ resolution }) => resolution))).toEqual(new Set(['answered']))
    expect(responses.every(({ cost_micro_usd: cost, leg }) => cost === 15 && leg === 'shadow')).toBe(true)
    for (const { body } of callsOf('shares-')) expect(Object.keys(body).sort()).toEqual(['messages', 'model'])
    // Only now: what a tap planned before shadow had the partition may have been begun by a former owner.
    const search = Buffer.from(JSON.stringify({ messages: [], tools: [{ type: 'web_search' }] }))
    const tapPlan = (id: string): ShadowPlan => ({
      exchange_id: id,
      place: null,
      legs: [{ arm: 'candidate', content_ab_p: 1, shadow_ab_p: 0, aa_p: 0 }],
      deadline_at: 0,
    })
    await send('shares', 'tools', '', { body: search, shadow_plan: tapPlan('tools') })
    await send('shares', 'tap', 'go', { shadow_plan: tapPlan('tap') })
    await vi.waitFor(async () => expect((await ledger('t')).responses).toHaveLength(2), { timeout: 10_000 })
    const made = await ledger('t')
    expect(made.plans).toEqual([])
    expect(Object.fromEntries(made.responses.map((found) => [found.exchange_id, found.resolution]))).toEqual({
      tap: 'answered',
      tools: 'skipped_policy',
    })
    expect(callsOf('tools')).toEqual([])
  })

  it('asks the baseline what it would have said where the candidate answered a first turn live', async () => {
    await startRun('counter', { share: 0, counterfactual: 1 })
    await startShadow()
    const body = Buffer.from(JSON.stringify({ model: 'model-b', messages: [{ role: 'user', content: 'go' }] }))
    await send('counter', 'counter-first', '', { live_arm: 'candidate', body })
    await send('counter', 'counter-later', '', { live_arm: 'candidate', turn: 1, body })
    await send('counter', 'counter-baseline')
    const { plannedLegs, responses } = await settled('counter-', 3)
    expect(plannedLegs).toEqual(['counter-first/baseline'])
    const counterfactual = { exchange_id: 'counter-first', arm: 'baseline', leg: 'shadow', resolution: 'answered' }
    expect(responses).toMatchObject([{ ...counterfactual, model_requested: 'model-a', output: 'yes' }])
    expect(callsOf('counter-').map((call) => call.body['model'])).toEqual(['model-a'])
  })

  it('loses no leg and answers none twice, although it is killed again and again', async () => {
    await startRun('kill', { second: 0.5 })
    let shadow = await startShadow()
    let serial = 0
    const feed = setInterval(() => void send('kill', `kill-${serial++}`, 'slow'), 25)
    for (const lifeMs of [5_000, 8_000]) {
      await delay(lifeMs)
      await shadow.process.kill()
      shadow = await startShadow()
    }
    await delay(9_000)
    clearInterval(feed)
    const { plans, plannedLegs, answeredLegs, responses } = await settled('kill-', serial)
    expect(plans).toHaveLength(serial)
    expect(answeredLegs).toEqual(plannedLegs)
    expect(new Set(answeredLegs).size).toBe(answeredLegs.length)
    const calls = callsOf('kill-').map(({ requestId }) => requestId)
    expect(new Set(calls).size).toBe(calls.length)
    const interrupted = responses.filter(({ error_class: why }) => why === 'interrupted')
    expect(interrupted.length).toBeGreaterThan(0)
    expect(interrupted.every(({ resolution }) => resolution === 'shadow_infrastructure')).toBe(true)
    expect(responses.filter(({ resolution }) => resolution === 'answered').length).toBeGreaterThan(serial / 2)
  })

  it('pauses while Redis is away and goes on when it is back', async () => {
    await startRun('redis')
    const shadow = await startShadow()
    await send('redis', 'redis-0')
    await settled('redis-', 1)
    const stack = testStack()
    await stack.stop('redis')
    onTestFinished(() => stack.start('redis'))
    await Promise.all(Array.from({ length: 20 }, (_, index) => send('redis', `redis-${index + 1}`)))
    await vi.waitFor(async () => expect(await shadow.metrics()).toMatch(/shadow_paused\{.*redis_away.*\} 1/), 10_000)
    await delay(2_000)
    expect(callsOf('redis-')).toHaveLength(1)
    await stack.start('redis')
    const { responses, answeredLegs, plannedLegs } = await settled('redis-', 21)
    expect(answeredLegs).toEqual(plannedLegs)
    expect(responses.map(({ resolution }) => resolution)).toEqual(Array(21).fill('answered'))
    expect(callsOf('redis-')).toHaveLength(21)
  })

  it('resolves what it may not or cannot afford to call, and shows how many', async () => {
    await startRun('budget', { calls: 5 })
    await startRun('policy', { candidateProvider: 'elsewhere' })
    await startRun('price', { candidateModel: 'model-c' })
    const shadow = await startShadow()
    const names = ['budget', 'policy', 'price'] as const
    for (const name of names)
      await Promise.all(Array.from({ length: 12 }, (_, index) => send(name, `${name}-${index}`)))
    const count = async (name: string) => {
      const { responses, answeredLegs, plannedLegs } = await settled(`${name}-`, 12)
      expect(answeredLegs).toEqual(plannedLegs)
      const whys = responses.map(({ resolution, error_class: why }) => `${resolution} ${why}`)
      return Object.fromEntries([...new Set(whys)].map((why) => [why, whys.filter((other) => other === why).length]))
    }
    expect(await count('budget')).toEqual({ 'answered null': 5, 'skipped_budget exhausted_calls': 7 })
    expect(await count('policy')).toEqual({ 'skipped_policy provider_not_allowed': 12 })
    expect(await count('price')).toEqual({ 'skipped_budget no_price': 12 })
    expect([...callsOf('policy-'), ...callsOf('price-')]).toEqual([])
    const shown = await shadow.metrics()
    expect(shown).toMatch(/legs_total\{[^}]*resolution="skipped_budget"[^}]*why="exhausted_calls"[^}]*\} 7/)
    expect(shown).toMatch(/legs_total\{[^}]*resolution="skipped_policy"[^}]*why="provider_not_allowed"[^}]*\} 12/)
    expect(readFileSync(logPath, 'utf8')).toContain('providers[id=here].prices.model-c is not set')
  })

  it('gives one response whatever the model server does, and poison goes to the dead letters', async () => {
    await startRun('bad')
    const shadow = await startShadow()
    const expected = {
      'bad-garbage': 'failed unreadable',
      'bad-500': 'failed provider_5xx',
      'bad-hang': 'timed_out timeout',
      'bad-endless': 'timed_out timeout',
      // More than is read of an answer, whole and streamed; more than fits into a record; more tokens than anybody has.
      'bad-giant': 'answered null',
      'bad-torrent': 'answered null',
      'bad-long': 'answered null',
      'bad-absurd': 'answered null',
    }
    const topic = topics.exchanges.name
    await producer.send([{ topic, key: 'bad', value: Buffer.from('a secret that is no avro') }])
    for (const id of Object.keys(expected)) await send('bad', id, `go ${id.slice('bad-'.length)}`)
    const { responses } = await settled('bad-', 8)
    const found = responses.map((one) => [one.exchange_id, `${one.resolution} ${one.error_class}`] as const)
    expect(found).toHaveLength(8)
    expect(Object.fromEntries(found)).toEqual(expected)
    const cut = responses.filter(({ truncated }) => truncated).map(({ exchange_id: id }) => id)
    expect(cut.sort()).toEqual(['bad-giant', 'bad-long', 'bad-torrent'])
    expect(callsOf('bad-500').map(({ requestId }) => requestId)).toEqual(
      [1, 2, 3].map((attempt) => `bad-500-candidate-${attempt}`),
    )
    const letters = (await readAll(topics.deadLetters.name)).map(({ value }) => value as DeadLetter)
    expect(letters.map(({ consumer, code }) => `${consumer} ${code}`)).toContain('shadow NOT_CONFLUENT')
    expect(shadow.process.running).toBe(true)
    expect(readFileSync(logPath, 'utf8')).not.toContain('a secret')
  })

  it('stops within its time while a model does not answer', async () => {
    await startRun('stop')
    const shadow = await startShadow()
    await send('stop', 'stop-1', 'go hang')
    await vi.waitFor(() => expect(callsOf('stop-')).toHaveLength(1), 20_000)
    await shadow.process.stop()
    expect(await shadow.process.ended).toBe(0)
    await startShadow()
    const { responses } = await settled('stop-', 1)
    expect(responses).toMatchObject([{ resolution: 'shadow_infrastructure', error_class: 'interrupted' }])
    expect(callsOf('stop-')).toHaveLength(1)
  })
})
