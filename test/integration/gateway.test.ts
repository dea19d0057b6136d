import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deploy } from '../../scripts/deploy-installation.ts'
import { startGateway } from '../../services/gateway/start.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createScope, type OwnedScope } from '../../services/platform/lifecycle/process-scope.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'
import { silentLog } from '../support/silent-log.ts'
import { testServers } from '../support/stack.ts'
import {
  bigChunks,
  gatewayConfig,
  oddBody,
  startUpstream,
  tenant,
  token,
  type Upstream,
  type Watch,
  watchExchanges,
} from './gateway-rig.ts'

const topicPrefix = 'gateway-test.'
const quietToken = 'token-of-a-tenant-that-shows-little'

describe('the gateway, with the real client', () => {
  let upstream: Upstream
  let scope: OwnedScope
  let client: OpenAI
  let watch: Watch
  let port = 0
  const dir = mkdtempSync(join(tmpdir(), 'penstock-gateway-'))

  beforeAll(async () => {
    const stack = testServers()
    const { brokers } = stack.kafka
    const transport = createKafkajsTransport({ clientId: 'deploy', brokers, topicPrefix, log: silentLog })
    await deploy({ transport, registryUrl: stack.registry.url, clickhouse: null, migrations: '' })
    await transport.close()
    upstream = await startUpstream()
    const metrics = createPrometheusMetrics()
    scope = createScope({ log: silentLog, metrics, clock: systemClock, deadlineMs: 10_000 })
    const given = { upstreamUrl: `${upstream.url}?api-version=7`, stateDir: join(dir, 'a'), topicPrefix }
    const config = gatewayConfig(stack, given, { bodyBytesMax: 100_000 })
    const tenants = [tenant('acme', token), tenant('quiet', quietToken, 'redacted')]
    ;({ port } = await startGateway(scope, { ...config, routing: { ...config.routing, tenants } }))
    client = new OpenAI({ apiKey: token, baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 })
    watch = await watchExchanges(stack, topicPrefix, join(dir, 'watch'))
  })

  afterAll(async () => {
    await watch.stop()
    await scope.stop()
    upstream.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const open = async (model: string) => {
    const { data, response } = await client.chat.completions
      .create({ model, stream: true, messages: [{ role: 'user', content: 'hi' }] })
      .withResponse()
    return { data, id: response.headers.get('x-penstock-exchange') }
  }
  const ask = (model: string) => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }] })
  const post = (
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    path = '/v1/chat/completions',
  ) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, ...headers },
      body,
    })
  const exchangeOf = (response: Response) => response.headers.get('x-penstock-exchange')

  it('passes JSON through, with the provider’s key and without ours, and captures both sides', async () => {
    const { data, response } = await client.chat.completions
      .create(
        { model: 'json', messages: [{ role: 'user', content: 'hi' }] },
        {
          headers: { 'x-penstock-session': 'session-in-clear', 'x-penstock-user': 'user-in-clear', cookie: 'biscuit' },
        },
      )
      .withResponse()
    expect(data.choices[0]?.message.content).toBe('hello')
    const id = exchangeOf(response)
    const sent = upstream.seen.at(-1)
    expect(sent?.headers['authorization']).toBe('Bearer provider-secret')
    expect(sent?.headers['x-request-id']).toBe(id)
    const leaked = Object.keys(sent?.headers ?? {}).filter((name) => name.startsWith('x-penstock') || name === 'cookie')
    expect(leaked).toEqual([])
    const request = await watch.request(id)
    expect(request).toMatchObject({ assignment: 'no_split', place: null, tenant: 'acme', capture: 'full' })
    expect(request.session).toMatch(/^[0-9a-f]{32}$/)
    const text = JSON.stringify(request)
    for (const secret of [token, 'session-in-clear', 'user-in-clear', 'biscuit']) expect(text).not.toContain(secret)
    expect(await watch.response(id)).toMatchObject({
      resolution: 'answered',
      output: 'hello',
      input_tokens: 3,
      usage_source: 'reported',
      status: 200,
    })
  })

  it('passes on what it does not understand, byte for byte: queries, odd headers, bodies and reasons', async () => {
    const body = '{"model" : "odd","seed":12345678901234567890, "messages":[] }'
    const response = await post(body, { 'x-latin': '\u00e9' }, '/v1/chat/completions?trace=1&a=%20b')
    expect([response.status, response.statusText, response.headers.get('x-twice')]).toEqual([
      418,
      'Short And Stout',
      'a, b',
    ])
    expect(Buffer.from(await response.arrayBuffer())).toEqual(oddBody)
    const sent = upstream.seen.at(-1)
    expect(sent?.body.toString()).toBe(body)
    expect(sent?.path).toBe('/v1/chat/completions?api-version=7&trace=1&a=%20b')
    expect(sent?.headers['x-latin']).toBe('\u00e9')
  })

  it('streams event by event, and estimates usage that nobody asked for', async () => {
    const { data: stream, id } = await open('stream')
    let text = ''
    let chunks = 0
    let writtenAtFirst = 0
    for await (const chunk of stream) {
      if (chunks === 0) writtenAtFirst = upstream.seen.at(-1)?.wrote ?? 0
      chunks += 1
      text += chunk.choices[0]?.delta.content ?? ''
    }
    expect(text).toBe('w0 w1 w2 w3 w4 ')
    // The first word was here before the provider had said the last.
    expect(writtenAtFirst).toBeLessThan(5)
    expect(upstream.seen.at(-1)?.body.toString()).not.toContain('stream_options')
    const response = await watch.response(id)
    expect(response).toMatchObject({
      resolution: 'answered',
      usage_source: 'estimated',
      output: text,
      finish_reason: 'stop',
    })
    expect(response.output_tokens).toBeGreaterThan(4)
  })

  it.each([
    ['gzip', 'pressed'],
    ['gzip-stream', 'very pressed'],
  ])('passes %s through as it is and records what it says', async (model, output) => {
    const response = await post(JSON.stringify({ model, messages: [] }), { 'accept-encoding': 'gzip' })
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(await response.text()).toContain('pressed')
    expect(await watch.response(exchangeOf(response))).toMatchObject({
      resolution: 'answered',
      output,
      truncated: false,
    })
  })

  it('hands on the provider’s errors as they are', async () => {
    await expect(ask('limited')).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    const response = await post('{"model":"limited"}')
    expect(response.headers.get('retry-after')).toBe('7')
    const limited = { resolution: 'failed', error_class: 'rate_limited', status: 429, quota_remaining: 0 }
    expect(await watch.response(exchangeOf(response))).toMatchObject(limited)
    const spent = await post('{"model":"spent"}')
    expect(await watch.response(exchangeOf(spent))).toMatchObject({
      resolution: 'failed',
      error_class: 'quota',
      status: 429,
    })
  })

  it('an aborting client cancels the provider’s work; a breaking provider breaks the stream', async () => {
    const { data: stream, id } = await open('endless')
    for await (const _ of stream) break
    stream.controller.abort()
    expect(await watch.response(id)).toMatchObject({ resolution: 'aborted_by_client' })
    expect(upstream.seen.at(-1)?.aborted).toBe(true)
    const broken = await open('cut')
    await expect(
      (async () => {
        for await (const _ of broken.data);
      })(),
    ).rejects.toThrow()
    expect(await watch.response(broken.id)).toMatchObject({ resolution: 'failed', error_class: 'truncated' })
  })

  it.each([
    ['reset', 'truncated'],
    ['unfinished', 'truncated'],
    ['error-inside', 'stream_error'],
  ])('an answer that ends like %s is a failure of the model', async (model, errorClass) => {
    const response = await post(JSON.stringify({ model }))
    await response.text().catch(() => undefined)
    const failed = { resolution: 'failed', error_class: errorClass, status: 200 }
    expect(await watch.response(exchangeOf(response))).toMatchObject(failed)
  })

  it('a caller that leaves before the first token has abandoned the call, even if headers came', async () => {
    const response = await post('{"model":"mute"}')
    await response.body?.cancel()
    expect(await watch.response(exchangeOf(response))).toMatchObject({ resolution: 'abandoned', error_class: null })
    await expect.poll(() => upstream.seen.at(-1)?.aborted).toBe(true)
  })

  it('holds the provider back while the caller does not read', async () => {
    const response = await post('{"model":"big"}')
    let wrote = -1
    while (upstream.seen.at(-1)?.wrote !== wrote) {
      wrote = upstream.seen.at(-1)?.wrote ?? 0
      await delay(300)
    }
    expect(wrote).toBeLessThan(bigChunks)
    await response.body?.cancel()
    expect(await watch.response(exchangeOf(response))).toMatchObject({
      resolution: 'aborted_by_client',
      error_class: null,
    })
  })

  it('what a tenant may not show is redacted on both sides, tool calls and refusals too', async () => {
    const ids: (string | null)[] = []
    for (const model of ['tools', 'refusal', 'json']) {
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'write to me@example.com' }] })
      const response = await post(body, {
        authorization: `Bearer ${quietToken}`,
        'user-agent': 'agent of me@example.com',
      })
      expect(await response.text()).toContain(model === 'json' ? 'hello' : 'you@example.com')
      ids.push(exchangeOf(response))
    }
    for (const id of ids) {
      const [request, response] = await Promise.all([watch.request(id), watch.response(id)])
      expect(Buffer.from(request.body).toString()).toContain('write to')
      expect(Buffer.from(request.body).toString() + JSON.stringify([request, response])).not.toContain('example.com')
    }
    expect(await watch.response(ids[0] ?? null)).toMatchObject({ tool_calls: [{ name: 'first' }, { name: 'second' }] })
    expect((await watch.response(ids[1] ?? null)).refusal).toContain('I will not')
  })

  it.each(['1.5', '1e99', '-1', 'NaN', '0x10', '99999999999999999999'])(
    'a turn of %s costs no record',
    async (turn) => {
      const response = await post('{"model":"json"}', { 'x-penstock-turn': turn })
      expect(response.status).toBe(200)
      expect(await watch.request(exchangeOf(response))).toMatchObject({ turn: 0 })
      expect(await scope.metrics.text()).toMatch(/penstock_gateway_oddities_total\{what="turn"\} [1-9]/)
    },
  )

  it('a text that looks like a control token of the model takes nothing down', async () => {
    const body = JSON.stringify({ model: 'stream', messages: [{ role: 'user', content: '<|endoftext|>' }] })
    const response = await post(body)
    await response.text()
    const { input_tokens } = await watch.response(exchangeOf(response))
    expect(input_tokens).toBeGreaterThan(5)
    expect(await scope.metrics.text()).toContain('penstock_tap_breakdowns_total 0')
  })

  it('refuses strangers, unknown operations and unreadable requests in the provider’s form', async () => {
    const stranger = new OpenAI({ apiKey: 'wrong', baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 })
    await expect(stranger.chat.completions.create({ model: 'json', messages: [] })).rejects.toMatchObject({
      status: 401,
    })
    await expect(client.files.list()).rejects.toMatchObject({ status: 403, type: 'permission_error' })
    const refused = async (response: Response) => {
      const { error } = (await response.json()) as { readonly error: { readonly type: string } }
      return [response.status, error.type]
    }
    expect(await refused(await post('{}', { 'x-penstock-route': 'nowhere' }))).toEqual([404, 'invalid_request_error'])
    expect(await refused(await post('x'.repeat(100_001)))).toEqual([413, 'invalid_request_error'])
    expect(await refused(await post(new Uint8Array([0xff, 0, 0x7b])))).toEqual([400, 'invalid_request_error'])
    expect(await refused(await post('{}', { 'x-long': 'x'.repeat(40_000) }))).toEqual([431, 'invalid_request_error'])
    expect(await speakRaw(port, 'NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"type":"invalid_request_error"/s)
    expect((await post('{"model":"json"}')).status).toBe(200)
  })

  it('the provider’s key and the callers’ tokens are in no record and no metric', async () => {
    expect(watch.records.length).toBeGreaterThan(20)
    const texts = watch.records.map(({ value }) => {
      return JSON.stringify(value) + ('body' in value ? Buffer.from(value.body).toString() : '')
    })
    for (const secret of ['provider-secret', token, quietToken])
      expect(texts.join('') + (await scope.metrics.text())).not.toContain(secret)
  })
})

async function speakRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}
