import { afterEach, expect, it } from 'vitest'
import type { GatewayConfig } from './config.ts'
import { type Provider, setUpGateway, stopGateways, tokenSha256 } from './gateway-under-test.ts'

afterEach(stopGateways)

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${trace}-00f067aa0ba902b7-01`
const exchange = expect.stringMatching(/^[0-9a-f]{32}$/)

/** A gateway whose log is kept, level by level. */
async function setUp(behave?: Provider, config: Partial<GatewayConfig> = {}) {
  const said: (readonly [string, object])[] = []
  const note = (level: string) => (fields: object) => void said.push([level, fields])
  const [debug, info, warn, error] = ['debug', 'info', 'warn', 'error'].map(note) as [Note, Note, Note, Note]
  const log = { debug, info, warn, error, child: () => log }
  return { ...(await setUpGateway({ log, config, ...(behave && { behave }) })), said }
}
type Note = (fields: object) => void

const broken: Provider = (response) =>
  void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: a text', () => response.destroy())
const refusing: Provider = (response) => void response.writeHead(429).end('a text')
const routing = (capture: 'full' | 'none', baseUrl: string): Partial<GatewayConfig> => ({
  routing: {
    providers: [{ id: 'p', baseUrl, api: 'openai' }],
    routes: [{ id: 'r', default: { id: 'old', provider: 'p', model: 'm' } }],
    tenants: [{ id: 't', tokenSha256, capture, segments: {}, passthrough: 'stateless' }],
  },
})
const nowhere = 'http://127.0.0.1:1/v1'

it('says nothing of an exchange that was answered', async () => {
  const { ask, said } = await setUp()
  expect((await ask(undefined, { traceparent })).status).toBe(200)
  expect(said).toEqual([])
})

it.each([
  ['refuses', refusing, {}, { error_class: 'rate_limited', status: 429 }],
  ['breaks off', broken, {}, { error_class: 'truncated', status: 200 }],
  ['is not there', undefined, routing('full', nowhere), { error_class: 'connection', status: null }],
])('a provider that %s is one line, which a debug level shows, without a text', async (_, behave, config, why) => {
  const { ask, said } = await setUp(behave, config)
  await (await ask(undefined, { traceparent })).text().catch(() => undefined)
  const failed = { exchange, trace, route: 'r', arm: 'baseline', resolution: 'failed', ...why }
  await expect.poll(() => said).toEqual([['debug', failed]])
})

it('a caller that leaves is named, too', async () => {
  const { port, p, said } = await setUp(() => undefined)
  const leaving = new AbortController()
  const url = `http://127.0.0.1:${port}/v1/chat/completions`
  const headers = { authorization: 'Bearer token', traceparent }
  const asking = fetch(url, { method: 'POST', headers, body: '{}', signal: leaving.signal }).catch(() => undefined)
  await expect.poll(() => p.calls.length).toBe(1)
  leaving.abort()
  await asking
  const left = { resolution: 'abandoned', error_class: null, status: null }
  await expect.poll(() => said).toEqual([['debug', { exchange, trace, route: 'r', arm: 'baseline', ...left }]])
})

it('what is passed through is named without its path, which is the caller’s text', async () => {
  const { port, said } = await setUp(refusing)
  const headers = { authorization: 'Bearer token', traceparent }
  const answer = await fetch(`http://127.0.0.1:${port}/v1/models/a-text`, { headers })
  expect(answer.headers.get('x-penstock-exchange')).toEqual(exchange)
  const refused = { provider: 'p', ended: 'complete', error_class: 'rate_limited', status: 429 }
  await expect.poll(() => said).toEqual([['debug', { exchange, trace, ...refused }]])
})

it.each([
  ['a header that is no trace', 'full', `${traceparent}-a text`],
  ['a tenant of whom nothing is captured', 'none', traceparent],
] as const)('%s gives no trace', async (_, capture, header) => {
  const { ask, said } = await setUp(undefined, routing(capture, nowhere))
  await ask(undefined, { traceparent: header })
  await expect.poll(() => said).toHaveLength(1)
  expect(said[0]?.[1]).toMatchObject({ exchange })
  expect(said[0]?.[1]).not.toHaveProperty('trace')
  expect(JSON.stringify(said)).not.toContain('a text')
})
