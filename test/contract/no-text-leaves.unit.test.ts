import { afterEach, expect, it } from 'vitest'
import type { DeadLetter, Records, Split } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { writeRun } from '../../services/domain/rollout/run-document.ts'
import { sampleSpec, startedRun } from '../../services/domain/rollout/sample-run.ts'
import { sampleSplit } from '../../services/domain/routing/sample-split.ts'
import { topics } from '../../services/flow.ts'
import { startPairingOn } from '../../services/pairing/start.ts'
import { MemoryTransport } from '../../services/platform/kafka/memory-transport.ts'
import { sendPersistently } from '../../services/platform/kafka/persistent-producer.ts'
import type { InRecord, OutRecord } from '../../services/platform/kafka/transport.ts'
import { TransportError } from '../../services/platform/kafka/transport-error.ts'
import { createScope, type OwnedScope } from '../../services/platform/lifecycle/process-scope.ts'
import type { Logger } from '../../services/platform/log/logger.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import { createAvroCodec } from '../../services/platform/registry/avro-codec.ts'
import { startShadowOn } from '../../services/shadow/start.ts'
import { type GatewayInMemory, providerKey, startGatewayInMemory, tenantToken } from './gateway-in-memory.ts'

/** Written into everything that a text or a key can be in; none may be found where people and machines look that may not read texts. */
const markers = {
  prompt: 'MARKER-of-a-prompt',
  system: 'MARKER-of-a-system-prompt',
  broken: 'MARKER-of-a-broken-body',
  answer: 'MARKER-of-an-answer',
  garbled: 'MARKER-of-a-garbled-answer',
  refused: 'MARKER-of-a-providers-error',
  session: 'MARKER-of-a-session',
  poison: 'MARKER-of-a-poisoned-record',
  traceparent: 'MARKER-of-a-traceparent',
  shadowKey: 'MARKER-of-a-key-of-shadow',
  providerKey,
  tenantToken,
} as const

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${trace}-00f067aa0ba902b7-01`

const names = Object.keys(schemaTexts) as (keyof Records & string)[]
const codec = createAvroCodec<Records>(
  schemaTexts,
  Object.fromEntries(names.map((name, index) => [name, index + 1])) as Record<keyof Records & string, number>,
  async () => null,
)
const variant = (id: string) => {
  return { id, provider: 'o', model: `model-${id}`, prompt_version: null, parameters: {} }
}
const [baseline, candidate] = [variant('old'), variant('new')]
const run = startedRun(sampleSpec({ baseline, candidate }))
const split: Split = sampleSplit({
  route: 'chat',
  epoch: 5,
  run: run.id,
  variants: [baseline, candidate],
  rules: [{ id: 'all', wave: 'consumer', match: {}, candidate_weight: 0 }],
  stage_entries: { consumer: 1 },
  stages: { consumer: 'shadow' },
  shadow: {
    share: 1,
    second_leg_share: 1,
    counterfactual_share: 0,
    segment_shares: {},
    deadline_ms: 11_000,
    leg_timeout_ms: 10_000,
    budgets: { calls: 1_000, micro_usd: 1_000_000_000 },
    salt: 't',
  },
})

class Rig {
  /** Jumps ahead when horizons are to pass. */
  aheadMs = 0
  readonly clock = { nowMs: () => Date.now() + this.aheadMs, monoMs: () => performance.now() + this.aheadMs }
  readonly broker = new MemoryTransport(this.clock)
  readonly metrics = createPrometheusMetrics()
  readonly lines: string[] = []
  readonly failures: unknown[] = []
  readonly #acts: (() => void)[] = []
  readonly #scopes: OwnedScope[] = []

  scope(service: string): OwnedScope {
    const write = (...line: readonly unknown[]) => void this.lines.push(JSON.stringify([service, ...line]))
    const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log }
    const timers = {
      every: (_: number, act: () => void) => {
        this.#acts.push(act)
        return () => undefined
      },
      wait: () => new Promise<void>((resolve) => setImmediate(resolve)),
    }
    const made = createScope({ log, metrics: this.metrics, clock: this.clock, timers, deadlineMs: 2_000 })
    void made.failed.then((cause) => this.failures.push(cause))
    this.#scopes.push(made)
    return made
  }

  async send(records: readonly OutRecord[]) {
    return (await this.broker.producer()).send(records)
  }

  /** Turns until it holds; what never comes ends the test by its time. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      this.broker.poll()
      for (const act of this.#acts) act()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async records(topic: string): Promise<readonly InRecord[]> {
    const found: InRecord[] = []
    const reader = await this.broker.read({
      topics: [topic],
      startAt: 'beginning',
      onBatch: async (batch) => void found.push(...batch.records),
    })
    this.broker.poll()
    await reader.caughtUp
    await reader.stop()
    return found
  }

  async stop(): Promise<void> {
    for (const scope of this.#scopes) await scope.stop()
  }
}

async function startServices(rig: Rig, providerUrl: string): Promise<void> {
  await rig.broker.ensureTopics(Object.values(topics).map(({ name }) => ({ name, partitions: 1, config: {} })))
  await rig.send([
    { topic: topics.runs.name, key: run.id, value: Buffer.from(writeRun(run)) },
    { topic: topics.splits.name, key: 'chat', value: codec.encode('Split', split) },
  ])
  const provider = {
    id: 'o',
    baseUrl: providerUrl,
    api: 'openai' as const,
    prices: {
      'model-old': { inputUsdPerMillion: 0, outputUsdPerMillion: 0 },
      'model-new': { inputUsdPerMillion: 0, outputUsdPerMillion: 0 },
    },
  }
  await startShadowOn(
    rig.scope('shadow'),
    {
      groupId: 'shadow',
      topicPrefix: '',
      providersFile: 'providers.yaml',
      callsMax: 4,
      waitingBytesMax: 1_000_000,
      retriesMax: 0,
      providers: { providers: [provider], routes: [], tenants: [{ id: 't', shadowProviders: ['o'] }] },
      apiKeys: { o: markers.shadowKey },
      prompts: {},
    },
    { transport: rig.broker, codec, openScripts: async () => ({ run: async () => 'reserved' }) },
  )
  const scope = rig.scope('pairing')
  const producer = await rig.broker.producer()
  const send = (records: readonly OutRecord[]) => sendPersistently(producer, records, scope)
  const letter = async ({ topic, partition, offset }: InRecord, code: string, reason: string) => {
    const value = { consumer: 'pairing', topic, partition, offset, code, reason, record_name: null, at: 0 }
    await send([{ topic: topics.deadLetters.name, key: topic, value: codec.encode('DeadLetter', value) }])
  }
  await startPairingOn(scope, { groupId: 'pairing', openMax: 1_000 }, { transport: rig.broker, codec, send, letter })
}

let gateway: GatewayInMemory | null = null
const rig = new Rig()
afterEach(async () => {
  await rig.stop()
  await gateway?.stop()
})

/** One of each: answered, refused by the provider, garbled, and a body that nobody can read, whose caller writes a text where its trace should be. */
async function ask(url: string): Promise<void> {
  const call = (path: string, body: string, header = traceparent) =>
    fetch(`${url}/v1/${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tenantToken}`,
        'content-type': 'application/json',
        'x-penstock-session': markers.session,
        traceparent: header,
      },
      body,
    })
      .then((answer) => answer.text())
      .catch(() => undefined)
  const prompt = [
    { role: 'system', content: markers.system },
    { role: 'user', content: markers.prompt },
  ]
  await call('chat/completions', JSON.stringify({ model: 'm', messages: prompt }))
  await call('completions', JSON.stringify({ model: 'm', prompt: markers.prompt }))
  await call('responses', JSON.stringify({ model: 'm', stream: true, input: markers.prompt }))
  await call('chat/completions', `{"model": "m", "messages": ${markers.broken}`, `00-${markers.traceparent}`)
}

/** What a foreign or broken writer leaves on the topics. */
function poison(): readonly OutRecord[] {
  const { name: topic } = topics.exchanges
  const header = Buffer.from([0, 0, 0, 0, 1 + names.indexOf('Request')])
  const request = gateway?.records.find(({ name }) => name === 'Request')?.value as Records['Request']
  const changed = (change: Partial<Records['Request']>) =>
    codec.encode('Request', { ...request, body: Buffer.from(markers.poison), ...change })
  const values = [
    Buffer.from(markers.poison),
    Buffer.concat([header, Buffer.from(markers.poison)]),
    changed({ exchange_id: 'a', turn: -1 }),
    changed({ exchange_id: 'b', segments: { plan: markers.poison.repeat(1_000) } }),
    changed({ exchange_id: 'c', place: { ...(request.place as NonNullable<typeof request.place>), run: 'nobody' } }),
  ]
  return [
    ...values.map((value) => ({ topic, key: 'k', value })),
    { topic: topics.runs.name, key: 'r', value: Buffer.from(markers.poison) },
  ]
}

it('prompts, answers and keys pass through gateway, shadow and pairing, and no log, metric, dead letter or evidence has any of them', async () => {
  let breaks = false
  gateway = await startGatewayInMemory(
    {
      '/v1/chat/completions': {
        model: 'm',
        choices: [{ index: 0, message: { role: 'assistant', content: markers.answer }, finish_reason: 'stop' }],
      },
      '/v1/completions': (response) =>
        response
          .writeHead(500, { 'content-type': 'application/json' })
          .end(JSON.stringify({ error: { message: markers.refused, type: 'server_error' } })),
      '/v1/responses': `data: {"type": "${markers.garbled}\n\ndata: ${markers.garbled}\n\n`,
    },
    {
      split,
      onTapped() {
        // As when a parser of ours breaks over what it reads: the message quotes it.
        if (breaks) JSON.parse(markers.prompt)
      },
    },
  )
  await startServices(rig, gateway.providerUrl)
  await ask(gateway.url)
  await gateway.idle()
  const exchanges = gateway.records.map(({ name, value }) => ({
    topic: topics.exchanges.name,
    key: value.exchange_id,
    value: name === 'Request' ? codec.encode('Request', value) : codec.encode('Response', value),
  }))
  await rig.send([...exchanges, ...poison()])
  // Their outputs fail for a while, so that both have something to say.
  const away = new TransportError('the broker is away', { code: 'BROKER_AWAY', retriable: true })
  for (let times = 0; times < 4; times += 1) rig.broker.failNext('send', { error: away })
  breaks = true
  await ask(gateway.url)

  const decoded = async (topic: string) =>
    Promise.all((await rig.records(topic)).map(async ({ value }) => codec.decode(value as Buffer)))
  const shadowAnswers = async () =>
    (await decoded(topics.exchanges.name)).filter(
      (record) => record.kind === 'record' && record.name === 'Response' && record.value.leg === 'shadow',
    )
  // Four exchanges with two legs each.
  await rig.until(async () => (await shadowAnswers()).length >= 8)
  rig.aheadMs = 60_000
  const evidence = topics.evidence.name
  await rig.until(async () => (await rig.records(evidence)).length >= 4)

  const raw = (await rig.records(topics.exchanges.name)).map(({ value }) => String(value)).join('\n')
  const asked = JSON.stringify(gateway.calls)
  for (const text of [markers.prompt, markers.answer, markers.system]) expect(raw).toContain(text)
  for (const key of [providerKey, markers.shadowKey, markers.prompt]) expect(asked).toContain(key)
  const letters = (await decoded(topics.deadLetters.name)).map(
    (letter) => (letter as { readonly value: DeadLetter }).value,
  )
  expect(new Set(letters.map(({ consumer }) => consumer))).toEqual(new Set(['pairing', 'shadow']))
  for (const code of ['NOT_CONFLUENT', 'UNREADABLE', 'IMPOSSIBLE_VALUE', 'UNKNOWN_RUN'])
    expect(letters.map((letter) => letter.code)).toContain(code)
  expect(rig.failures).toEqual([])

  const gatewaySaid = await gateway.said()
  const legsSaid = rig.lines.join('\n')
  // What breaks is said under the ids of exchange and trace, and where, without what it broke over.
  const traced = `"exchange":"[0-9a-f]{32}","trace":"${trace}"`
  expect(gatewaySaid).toMatch(new RegExp(`${traced},"err":"SyntaxError`))
  const refused = '"resolution":"failed","error_class":"provider_5xx","status":500'
  expect(gatewaySaid).toMatch(new RegExp(`${traced},"route":"chat","arm":"baseline",${refused}`))
  for (const arm of ['baseline', 'candidate'])
    expect(legsSaid).toMatch(new RegExp(`${traced},"route":"chat","arm":"${arm}",${refused}`))
  // What is no trace id gives no field.
  const untraced = '"exchange":"[0-9a-f]{32}","route":"chat","arm":"baseline"'
  expect(gatewaySaid).toMatch(
    new RegExp(`${untraced},"resolution":"failed","error_class":"unreadable_body","status":400`),
  )
  expect(legsSaid).toMatch(new RegExp(`${untraced},"resolution":"skipped_policy"`))
  const places = {
    'the log and metrics of the gateway': gatewaySaid,
    'the logs of shadow and pairing': legsSaid,
    'the metrics of shadow and pairing': await rig.metrics.text(),
    'the dead letters': JSON.stringify(letters),
    'the evidence': (await rig.records(evidence)).map(({ value }) => String(value)).join('\n'),
  }
  for (const [where, said] of Object.entries(places)) {
    expect(said, where).not.toBe('')
    for (const [what, marker] of Object.entries(markers))
      expect(said.includes(marker), `${what} in ${where}`).toBe(false)
    expect(said, where).not.toContain('MARKER')
  }
  // Nor does anything else leave with a session or a key in it.
  for (const secret of [markers.session, providerKey, tenantToken, markers.shadowKey]) expect(raw).not.toContain(secret)
})
