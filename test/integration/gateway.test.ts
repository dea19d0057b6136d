import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { deploy } from '../../scripts/deploy-installation.ts'
import type { Records, Request, Response } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import type { GatewayConfig } from '../../services/gateway/config.ts'
import { startGateway } from '../../services/gateway/start.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope, type OwnedScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPinoLogger } from '../../services/platform/log/pino-logger.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'

const token = 'tenant-token-of-the-test'
const log = createPinoLogger({ name: 'test', level: 'silent' })
const topicPrefix = 'gateway-test.'

interface Upstream {
  readonly server: Server
  readonly seen: { headers: IncomingMessage['headers']; body: string; aborted: boolean }[]
  readonly url: string
}

/** A provider of our own: what it does is named by the request's model. */
async function startUpstream(): Promise<Upstream> {
  const seen: Upstream['seen'] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const entry = { headers: request.headers, body: Buffer.concat(chunks).toString('utf8'), aborted: false }
    seen.push(entry)
    response.on('close', () => {
      if (!response.writableFinished) entry.aborted = true
    })
    const { model } = JSON.parse(entry.body) as { readonly model: string }
    if (model === 'limited') {
      response.writeHead(429, {
        'content-type': 'application/json',
        'retry-after': '7',
        'x-ratelimit-remaining-requests': '0',
      })
      response.end('{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}')
    } else if (model === 'json') {
      response.writeHead(200, { 'content-type': 'application/json', 'x-provider': 'yes' })
      response.end(
        '{"id":"1","object":"chat.completion","model":"json","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}',
      )
    } else await speak(response, model)
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` }
}

async function speak(response: ServerResponse, model: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let index = 0; index < (model === 'endless' ? 1_000 : 5) && !response.destroyed; index += 1) {
    response.write(
      `data: {"id":"1","object":"chat.completion.chunk","model":"${model}","choices":[{"index":0,"delta":{"content":"w${index} "},"finish_reason":null}]}\n\n`,
    )
    await delay(20)
    if (model === 'broken' && index === 2) return void response.destroy()
  }
  response.end(
    'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  )
}

function configOf(upstream: Upstream, stateDir: string, brokers: string): GatewayConfig {
  return {
    brokers,
    topicPrefix,
    registryUrl: inject('stack').registry.url,
    stateDir,
    logLevel: 'silent',
    adminPort: 0,
    port: 0,
    host: '127.0.0.1',
    routerId: 'gateway-test',
    providersFile: '',
    hashKey: 'a-key-for-the-hashes-of-the-test',
    legTimeoutMs: 10_000,
    tapBytesMax: 1_000_000,
    bodyBytesMax: 1_000_000,
    localKillFile: '',
    apiKeys: { p: 'provider-secret' },
    routing: {
      providers: [{ id: 'p', baseUrl: upstream.url }],
      routes: [{ id: 'r', default: { id: 'v', provider: 'p', model: 'json' } }],
      tenants: [
        { id: 'acme', tokenSha256: createHash('sha256').update(token).digest('hex'), capture: 'full', segments: {} },
      ],
    },
  }
}

const newScope = () => createScope({ log, metrics: createPrometheusMetrics(), clock: systemClock, deadlineMs: 10_000 })

async function exchanges(): Promise<readonly (Request | Response)[]> {
  const { kafka, registry } = inject('stack')
  const codec = await openCodec<Records>({
    registryUrl: registry.url,
    stateDir: mkdtempSync(join(tmpdir(), 'gw-')),
    subjectPrefix: 'penstock.v1.',
    schemaTexts,
  })
  const transport = createKafkajsTransport({ clientId: 'test', brokers: kafka.brokers, topicPrefix, log })
  const found: (Request | Response)[] = []
  const reader = await transport.read({
    topics: ['llm.exchanges.v1'],
    startAt: 'beginning',
    async onBatch(batch) {
      for (const { value } of batch.records) {
        const decoded = value === null ? null : await codec.decode(value)
        if (decoded?.kind === 'record' && (decoded.name === 'Request' || decoded.name === 'Response'))
          found.push(decoded.value)
      }
    },
  })
  await reader.caughtUp
  await reader.stop()
  await transport.close()
  return found
}

/** What the tap says about one exchange, once its end is there: partitions keep no order among exchanges. */
async function captured(id: string | null): Promise<readonly (Request | Response)[]> {
  for (let tries = 0; tries < 20; tries += 1) {
    const records = (await exchanges()).filter(({ exchange_id }) => exchange_id === id)
    if (records.length === 2) return records
    await delay(250)
  }
  throw new Error(`exchange ${id} was not captured`)
}

describe('the gateway, with the real client', () => {
  let upstream: Upstream
  let scope: OwnedScope
  let client: OpenAI
  let port = 0
  const dir = mkdtempSync(join(tmpdir(), 'penstock-gateway-'))

  beforeAll(async () => {
    const { kafka, registry } = inject('stack')
    const transport = createKafkajsTransport({ clientId: 'deploy', brokers: kafka.brokers, topicPrefix, log })
    await deploy({ transport, registryUrl: registry.url, clickhouse: null, migrations: '' })
    await transport.close()
    upstream = await startUpstream()
    scope = newScope()
    ;({ port } = await startGateway(scope, configOf(upstream, join(dir, 'a'), kafka.brokers)))
    client = new OpenAI({ apiKey: token, baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 })
    await delay(2_000)
  })

  afterAll(async () => {
    await scope.stop()
    upstream.server.closeAllConnections()
    upstream.server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const open = async (model: string) => {
    const { data, response } = await client.chat.completions
      .create({ model, stream: true, messages: [{ role: 'user', content: 'hi' }] })
      .withResponse()
    return { data, id: response.headers.get('x-penstock-exchange') }
  }
  const ask = (model: string) => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }] })

  it('passes JSON through, with the provider’s key and without ours, and captures both sides', async () => {
    const { data, response } = await client.chat.completions
      .create(
        { model: 'json', messages: [{ role: 'user', content: 'hi' }] },
        { headers: { 'x-penstock-session': 's1', cookie: 'secret' } },
      )
      .withResponse()
    expect(data.choices[0]?.message.content).toBe('hello')
    expect(response.headers.get('x-provider')).toBe('yes')
    const id = response.headers.get('x-penstock-exchange')
    const sent = upstream.seen.at(-1)
    expect(sent?.headers['authorization']).toBe('Bearer provider-secret')
    expect(sent?.headers['x-request-id']).toBe(id)
    expect(
      Object.keys(sent?.headers ?? {}).filter((name) => name.startsWith('x-penstock') || name === 'cookie'),
    ).toEqual([])
    const records = await captured(id)
    expect(records[0]).toMatchObject({ assignment: 'no_split', place: null, tenant: 'acme', capture: 'full' })
    expect(JSON.stringify(records[0])).not.toContain(token)
    expect(records[1]).toMatchObject({
      resolution: 'answered',
      output: 'hello',
      input_tokens: 3,
      usage_source: 'reported',
      status: 200,
    })
  })

  it('streams event by event, and estimates usage that nobody asked for', async () => {
    const { data: stream, id } = await open('stream')
    const times: number[] = []
    let text = ''
    for await (const chunk of stream) {
      times.push(performance.now())
      text += chunk.choices[0]?.delta.content ?? ''
    }
    expect(text).toBe('w0 w1 w2 w3 w4 ')
    expect(new Set(times.map((ms) => Math.round(ms / 5))).size).toBeGreaterThan(2)
    expect(upstream.seen.at(-1)?.body).not.toContain('stream_options')
    expect((await captured(id))[1]).toMatchObject({
      resolution: 'answered',
      usage_source: 'estimated',
      output: text,
      finish_reason: 'stop',
    })
  })

  it('hands on the provider’s errors as they are', async () => {
    await expect(ask('limited')).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: '{"model":"limited"}',
    })
    expect(response.headers.get('retry-after')).toBe('7')
    const records = await captured(response.headers.get('x-penstock-exchange'))
    expect(records[1]).toMatchObject({ resolution: 'failed', error_class: 'rate_limited', status: 429 })
  })

  it('an aborting client cancels the provider’s work; a breaking provider breaks the stream', async () => {
    const { data: stream, id } = await open('endless')
    for await (const _ of stream) break
    stream.controller.abort()
    expect((await captured(id))[1]).toMatchObject({ resolution: 'aborted_by_client' })
    expect(upstream.seen.at(-1)?.aborted).toBe(true)
    const broken = await open('broken')
    await expect(
      (async () => {
        for await (const _ of broken.data);
      })(),
    ).rejects.toThrow()
    expect((await captured(broken.id))[1]).toMatchObject({ resolution: 'failed', error_class: 'truncated' })
  })

  it('refuses strangers and unknown operations in the provider’s form', async () => {
    const stranger = new OpenAI({ apiKey: 'wrong', baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 })
    await expect(stranger.chat.completions.create({ model: 'json', messages: [] })).rejects.toMatchObject({
      status: 401,
    })
    await expect(client.models.list()).rejects.toMatchObject({ status: 404 })
  })

  it('starts and serves without Kafka, counting what it cannot capture', async () => {
    const alone = newScope()
    const { port: other } = await startGateway(alone, configOf(upstream, join(dir, 'b'), '127.0.0.1:1'))
    const offline = new OpenAI({ apiKey: token, baseURL: `http://127.0.0.1:${other}/v1`, maxRetries: 0 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        offline.chat.completions.create({ model: 'json', messages: [{ role: 'user', content: 'hi' }] }),
      ),
    )
    expect(answers.every((answer) => answer.choices[0]?.message.content === 'hello')).toBe(true)
    await delay(500)
    expect(await alone.metrics.text()).toMatch(/penstock_tap_drops_total\{what="record"\} \d/)
    await alone.stop()
  })
})
