import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Request, Response, Split } from '../../services/domain/events/records.ts'
import { createRedactor } from '../../services/domain/redaction/redactor.ts'
import { createAdmission } from '../../services/gateway/admission.ts'
import { startBodyRewriter } from '../../services/gateway/body-rewriter.ts'
import type { GatewayConfig } from '../../services/gateway/config.ts'
import { createControlState } from '../../services/gateway/control-state.ts'
import { startGatewayServer } from '../../services/gateway/gateway-server.ts'
import { sampleGatewayConfig } from '../../services/gateway/sample-config.ts'
import type { Tap } from '../../services/gateway/tap.ts'
import type { TapReply } from '../../services/gateway/tap-messages.ts'
import { createTapRecorder, type TapRecord } from '../../services/gateway/tap-recorder.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import type { Logger } from '../../services/platform/log/logger.ts'
import { createPrometheusMetrics } from '../../services/platform/metrics/prometheus-metrics.ts'

export const tenantToken = 'tenant-token-in-memory'
export const providerKey = 'provider-key-that-nobody-may-see'

interface ProviderCall {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a provider says to one path: an object as JSON, a text as an event stream, both in pieces of a few bytes; or what it does. */
export type Script = Readonly<Record<string, object | string | ((response: ServerResponse) => void)>>

/** A gateway before one provider on loopback, whose tap keeps records instead of sending them: no broker, no registry. */
export interface GatewayInMemory {
  readonly url: string
  /** Of the provider, up to and including /v1. */
  readonly providerUrl: string
  readonly calls: readonly ProviderCall[]
  readonly records: readonly TapRecord[]
  readonly replies: readonly TapReply[]
  /** Every line that the gateway logged, and its metrics now. */
  said(): Promise<string>
  request(): Promise<Request>
  response(): Promise<Response>
  /** Settles when the tap has made its records of all that has ended. */
  idle(): Promise<void>
  stop(): Promise<void>
}

const pieceBytes = 7

async function startScripted(script: Script, calls: ProviderCall[]) {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method = '', url: path = '', headers } = request
    calls.push({ method, path, headers, body: Buffer.concat(chunks).toString() })
    const said = script[path.split('?', 1)[0] ?? '']
    if (said === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"none","type":"x"}}')
      return
    }
    if (typeof said === 'function') return said(response)
    const bytes = Buffer.from(typeof said === 'string' ? said : JSON.stringify(said))
    response.writeHead(200, { 'content-type': typeof said === 'string' ? 'text/event-stream' : 'application/json' })
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      response.write(bytes.subarray(at, at + pieceBytes))
      await new Promise((resolve) => setImmediate(resolve))
    }
    response.end()
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

export async function startGatewayInMemory(
  script: Script,
  options: {
    readonly routing?: (baseUrl: string) => Partial<GatewayConfig['routing']>
    readonly prompts?: GatewayConfig['prompts']
    readonly split?: Split
    readonly legTimeoutMs?: number
    /** What the tap does first of all with each exchange, for tests of what breaks. */
    readonly onTapped?: () => void
  } = {},
): Promise<GatewayInMemory> {
  const calls: ProviderCall[] = []
  const provider = await startScripted(script, calls)
  const baseUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`
  const metrics = createPrometheusMetrics()
  const lines: string[] = []
  const write = (...line: readonly unknown[]) => void lines.push(JSON.stringify(line))
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log }
  const records: TapRecord[] = []
  const replies: TapReply[] = []
  const recorder = createTapRecorder({
    redact: createRedactor({ pseudonym: () => 'x' }),
    async send(record) {
      records.push(record)
      return { lost: null }
    },
    reply: (message) => void replies.push(message),
  })
  const tap: Tap = {
    begin(id, request, body) {
      options.onTapped?.()
      recorder.on({ kind: 'request', id, request, body: new Uint8Array(body), dropped: 0 })
      return {
        chunk: (data, atMs) => recorder.on({ kind: 'chunk', id, data: new Uint8Array(data), atMs }),
        end: (end) => recorder.on({ kind: 'end', id, end: { ...end, truncated: false } }),
      }
    },
    stop: async () => undefined,
  }
  const rewriter = startBodyRewriter({ log, metrics })
  const tokenSha256 = createHash('sha256').update(tenantToken).digest('hex')
  const splits = options.split === undefined ? {} : { [options.split.route]: options.split }
  const file = { read: () => ({ splits, latches: {}, kills: {} }), save: () => undefined, stop: async () => undefined }
  const config = {
    ...sampleGatewayConfig,
    apiKeys: { o: providerKey, a: providerKey, spare: providerKey },
    prompts: options.prompts ?? {},
    ...(options.legTimeoutMs !== undefined && { legTimeoutMs: options.legTimeoutMs }),
    routing: {
      providers: [
        { id: 'o', baseUrl, api: 'openai' },
        { id: 'a', baseUrl, api: 'anthropic' },
      ],
      routes: [
        { id: 'chat', default: { id: 'old', provider: 'o', model: 'm' } },
        { id: 'claude', default: { id: 'old', provider: 'a', model: 'm' } },
      ],
      tenants: [{ id: 't', tokenSha256, capture: 'full', segments: {}, passthrough: 'stateless' }],
      ...options.routing?.(baseUrl),
    },
  } as unknown as GatewayConfig
  const admission = createAdmission({ ...config, metrics, log })
  const server = await startGatewayServer({
    config,
    control: createControlState({ clock: systemClock, file }),
    tap,
    rewriter,
    admission,
    clock: systemClock,
    metrics,
    log,
    onAssigned: () => undefined,
  })
  const only = async <T>(name: TapRecord['name']): Promise<T> => {
    await recorder.idle()
    const found = records.filter((record) => record.name === name)
    if (found.length !== 1) throw new Error(`${found.length} records of ${name}`)
    return found[0]?.value as T
  }
  return {
    url: `http://127.0.0.1:${server.port}`,
    providerUrl: baseUrl,
    calls,
    records,
    replies,
    said: async () => [...lines, await metrics.text()].join('\n'),
    request: () => only<Request>('Request'),
    response: () => only<Response>('Response'),
    idle: () => recorder.idle(),
    async stop() {
      await server.stop()
      await rewriter.stop()
      await admission.stop()
      provider.closeAllConnections()
      provider.close()
    },
  }
}
