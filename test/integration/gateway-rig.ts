import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createGzip, gzipSync } from 'node:zlib'
import type { Records, Request, Response, ShadowPlan } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import type { GatewayConfig } from '../../services/gateway/config.ts'
import { unsecured } from '../../services/platform/kafka/broker-security.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Reader } from '../../services/platform/kafka/transport.ts'
import { openCodec } from '../../services/platform/registry/open-codec.ts'
import { silentLog } from '../support/silent-log.ts'
import type { TestStack } from '../support/stack.ts'

/** What the tests of gateway and shadow share: a provider on loopback that behaves as the request's model says, and eyes on the exchanges. */
export const token = 'tenant-token-of-the-test'

export interface SeenCall {
  readonly headers: IncomingMessage['headers']
  readonly path: string
  readonly body: Buffer
  aborted: boolean
  /** How many pieces of its answer the provider could hand to its socket so far. */
  wrote: number
}

export interface Upstream {
  readonly server: Server
  readonly seen: SeenCall[]
  readonly url: string
  close(): void
}

const bigChunkBytes = 64 * 1024
export const bigChunks = 1_000

export async function startUpstream(): Promise<Upstream> {
  const seen: SeenCall[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const { headers, url: path = '' } = request
    const call: SeenCall = { headers, path, body: Buffer.concat(chunks), aborted: false, wrote: 0 }
    seen.push(call)
    response.on('close', () => {
      if (!response.writableFinished) call.aborted = true
    })
    await (behaviours[modelOf(call.body)] ?? behaviours['json'])?.(response, call)
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    server,
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function modelOf(body: Buffer): string {
  try {
    return (JSON.parse(body.toString('utf8')) as { readonly model: string }).model
  } catch {
    return 'not-json'
  }
}

type Behaviour = (response: ServerResponse, call: SeenCall) => Promise<void> | void

const json = (text: string, more: object = {}) =>
  JSON.stringify({
    id: '1',
    object: 'chat.completion',
    model: 'json-2026',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
    ...more,
  })
const event = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', model: 'stream-2026', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const last = `${event({}, 'stop')}data: [DONE]\n\n`
const asStream = { 'content-type': 'text/event-stream' }

/** A number of words, one each 20 ms. */
async function speak(response: ServerResponse, call: SeenCall, words: number): Promise<void> {
  response.writeHead(200, asStream)
  for (let index = 0; index < words && !response.destroyed; index += 1) {
    response.write(event({ content: `w${index} ` }))
    call.wrote += 1
    await delay(20)
  }
}

/** Bytes and headers that only a pass-through keeps: odd case, repeated names, a reason phrase, no JSON. */
export const oddBody = Buffer.from([0x7b, 0xff, 0x00, 0x0d, 0x0a, 0xfe, 0x7d])

const behaviours: Readonly<Record<string, Behaviour>> = {
  json: (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(json('hello')),
  'not-json': (response) =>
    void response
      .writeHead(400, { 'content-type': 'application/json' })
      .end('{"error":{"message":"not JSON","type":"invalid_request_error","param":null,"code":null}}'),
  limited: (response) =>
    void response
      .writeHead(429, {
        'content-type': 'application/json',
        'retry-after': '7',
        'x-ratelimit-limit-requests': '10',
        'x-ratelimit-remaining-requests': '0',
      })
      .end('{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}'),
  spent: (response) =>
    void response
      .writeHead(429, { 'content-type': 'application/json' })
      .end('{"error":{"message":"pay first","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}'),
  odd(response) {
    response.sendDate = false
    const headers = ['X-Odd-CASE', 'Ünï'.normalize('NFC').replace(/[^\x20-\x7e]/g, '?'), 'X-Twice', 'a', 'X-Twice', 'b']
    response.writeHead(418, 'Short And Stout', [...headers, 'Content-Type', 'application/x-odd'])
    response.end(oddBody)
  },
  async stream(response, call) {
    await speak(response, call, 5)
    response.end(last)
  },
  async endless(response, call) {
    await speak(response, call, 1_000)
    response.end(last)
  },
  async cut(response, call) {
    await speak(response, call, 3)
    response.destroy()
  },
  async reset(response, call) {
    await speak(response, call, 3)
    response.socket?.resetAndDestroy()
  },
  async 'error-inside'(response, call) {
    await speak(response, call, 2)
    response.end('data: {"error":{"message":"overloaded","type":"server_error","code":"overloaded"}}\n\n')
  },
  async unfinished(response, call) {
    await speak(response, call, 2)
    response.end()
  },
  async mute(response) {
    response.writeHead(200, asStream)
    response.flushHeaders()
  },
  gzip(response, call) {
    if (!/gzip/.test(call.headers['accept-encoding'] ?? '')) throw new Error('nobody asked for gzip')
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.end(gzipSync(json('pressed')))
  },
  async 'gzip-stream'(response) {
    response.writeHead(200, { ...asStream, 'content-encoding': 'gzip' })
    const gzip = createGzip()
    gzip.pipe(response)
    for (const word of ['very ', 'pressed']) {
      gzip.write(event({ content: word }))
      await new Promise<void>((resolve) => gzip.flush(() => resolve()))
      await delay(50)
    }
    gzip.end(last)
  },
  tools(response) {
    const call = (index: number, fn: object) => event({ tool_calls: [{ index, function: fn }] })
    response.writeHead(200, asStream)
    response.write(call(1, { name: 'second', arguments: '{"b":' }) + call(0, { name: 'first', arguments: '{"a"' }))
    response.write(call(0, { arguments: ':1}' }) + call(1, { arguments: '"you@example.com"}' }))
    response.end(`${event({}, 'tool_calls')}data: [DONE]\n\n`)
  },
  refusal(response) {
    response.writeHead(200, asStream)
    response.end(event({ refusal: 'I will ' }) + event({ refusal: 'not tell you@example.com' }) + last)
  },
  async big(response, call) {
    response.writeHead(200, asStream)
    const chunk = Buffer.from(event({ content: 'x'.repeat(bigChunkBytes) }))
    for (let index = 0; index < bigChunks && !response.destroyed; index += 1) {
      call.wrote += 1
      if (!response.write(chunk)) await new Promise<void>((resolve) => response.once('drain', resolve))
    }
    response.end(last)
  },
}

export function gatewayConfig(
  stack: TestStack,
  given: { readonly upstreamUrl: string; readonly stateDir: string; readonly topicPrefix: string },
  change: Partial<GatewayConfig> = {},
): GatewayConfig {
  return {
    brokers: stack.kafka.brokers,
    security: unsecured,
    topicPrefix: given.topicPrefix,
    registryUrl: stack.registry.url,
    stateDir: given.stateDir,
    logLevel: 'silent',
    adminPort: 0,
    port: 0,
    host: '127.0.0.1',
    routerId: 'gateway-test',
    providersFile: '',
    hashKey: 'a-key-for-the-hashes-of-the-test',
    legTimeoutMs: 10_000,
    tapBytesMax: 16_000_000,
    bodyBytesMax: 1_000_000,
    bodiesBytesMax: 20_000_000,
    requestTimeoutMs: 60_000,
    requestsMax: 200,
    loopHeldMaxMs: 10_000,
    localKillFile: '',
    drainMs: 5_000,
    drainLeadMs: 0,
    stopMs: 10_000,
    apiKeys: { p: 'provider-secret' },
    prompts: {},
    routing: {
      providers: [{ id: 'p', baseUrl: given.upstreamUrl, api: 'openai' }],
      routes: [{ id: 'r', default: { id: 'v', provider: 'p', model: 'json' } }],
      tenants: [tenant('acme', token)],
    },
    ...change,
  }
}

export function tenant(
  id: string,
  secret: string,
  capture: GatewayConfig['routing']['tenants'][number]['capture'] = 'full',
): GatewayConfig['routing']['tenants'][number] {
  return {
    id,
    tokenSha256: createHash('sha256').update(secret).digest('hex'),
    capture,
    segments: {},
    passthrough: 'stateless',
  }
}

export type Exchanged = { readonly partition: number } & (
  | { readonly name: 'Request'; readonly value: Request }
  | { readonly name: 'Response'; readonly value: Response }
  | { readonly name: 'ShadowPlan'; readonly value: ShadowPlan }
)

/** Follows the exchanges from their beginning. */
export interface Watch {
  readonly records: readonly Exchanged[]
  of(id: string | null): readonly Exchanged[]
  request(id: string | null): Promise<Request>
  /** The first Response of the leg, once it is there. */
  response(id: string | null, leg?: Response['leg'], arm?: Response['arm']): Promise<Response>
  /** Resolves once `holds`; rejects after a while, saying what it waited for. */
  until(what: string, holds: () => boolean): Promise<void>
  stop(): Promise<void>
}

const untilMs = 30_000

export async function watchExchanges(stack: TestStack, topicPrefix: string, stateDir: string): Promise<Watch> {
  const codec = await openCodec<Records>({
    registryUrl: stack.registry.url,
    stateDir,
    subjectPrefix: 'penstock.v1.',
    schemaTexts,
  })
  const { brokers } = stack.kafka
  const transport = createKafkajsTransport({ clientId: 'watch', brokers, topicPrefix, log: silentLog })
  const records: Exchanged[] = []
  const reader: Reader = await transport.read({
    topics: ['llm.exchanges.v1'],
    startAt: 'beginning',
    async onBatch(batch) {
      for (const { value } of batch.records) {
        const decoded = value === null ? null : await codec.decode(value)
        if (decoded?.kind !== 'record') throw new Error(`unreadable record on ${batch.topic}`)
        if (decoded.name === 'Request' || decoded.name === 'Response' || decoded.name === 'ShadowPlan')
          records.push({ partition: batch.partition, name: decoded.name, value: decoded.value } as Exchanged)
      }
    },
  })
  const of = (id: string | null) => records.filter(({ value }) => value.exchange_id === id)
  const until = async (what: string, holds: () => boolean) => {
    for (let waitedMs = 0; !holds(); waitedMs += 50) {
      if (waitedMs > untilMs) throw new Error(`not seen: ${what}`)
      await delay(50)
    }
  }
  const find = async <T>(what: string, pick: () => T | undefined): Promise<T> => {
    await until(what, () => pick() !== undefined)
    return pick() as T
  }
  return {
    records,
    of,
    until,
    request: (id) => find(`the request ${id}`, () => of(id).flatMap((r) => (r.name === 'Request' ? [r.value] : []))[0]),
    response: (id, leg = 'live', arm = 'baseline') =>
      find(
        `the ${leg} response ${id} of the ${arm}`,
        () =>
          of(id).flatMap((r) =>
            r.name === 'Response' && r.value.leg === leg && r.value.arm === arm ? [r.value] : [],
          )[0],
      ),
    async stop() {
      await reader.stop()
      await transport.close()
    },
  }
}
