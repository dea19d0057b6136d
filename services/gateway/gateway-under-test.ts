import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Split, Variant } from '../domain/events/records.ts'
import { sampleSplit } from '../domain/routing/sample-split.ts'
import { systemClock } from '../platform/lifecycle/clocks.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import { createAdmission } from './admission.ts'
import { type BodyRewriterOptions, startBodyRewriter } from './body-rewriter.ts'
import type { GatewayConfig } from './config.ts'
import { createControlState } from './control-state.ts'
import { startGatewayServer } from './gateway-server.ts'
import { sampleGatewayConfig } from './sample-config.ts'
import type { Tap } from './tap.ts'
import type { TapEnd, TapRequest } from './tap-messages.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
export const silentLog = { ...silent, child: () => silentLog }
/** SHA-256 of `token`. */
export const tokenSha256 = '3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0'

interface Call {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** How a model answers. */
export type Provider = (response: ServerResponse) => void
const says: Provider = (response) => void response.end('{"choices":[]}')
const stops: (() => Promise<unknown>)[] = []

/** Ends what a test has started; for its `afterEach`. */
export async function stopGateways(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop()
}

async function startProvider(behave: Provider): Promise<{ readonly url: string; readonly calls: Call[] }> {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      calls.push({ path: request.url ?? '', headers: request.headers, body })
      behave(response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, calls }
}

export const variant = (id: string, more: Partial<Variant> = {}): Variant => {
  return { id, provider: 'p', model: `model-${id}`, prompt_version: null, parameters: {}, ...more }
}

export const split = (weight: number, variants: readonly Variant[], more: Partial<Split> = {}): Split =>
  sampleSplit({
    variants,
    rules: [{ id: 'all', wave: 'w', match: {}, candidate_weight: weight }],
    ...more,
  })

interface Options {
  readonly behave?: Provider
  readonly split?: Split
  readonly config?: Partial<GatewayConfig>
  /** Default: says nothing. */
  readonly log?: Logger
  readonly rewriter?: Pick<BodyRewriterOptions, 'startThread' | 'atOnceBytesMax'>
  /** Without it what the tap is told is kept in `tapped`. */
  readonly tap?: (metrics: Metrics) => Tap
}

/** A gateway between callers and two models, p and q, all of it on loopback and ended with the test. */
export async function setUpGateway(options: Options = {}) {
  const p = await startProvider(options.behave ?? says)
  const q = await startProvider(options.behave ?? says)
  const metrics = createPrometheusMetrics()
  const tapped: { request: TapRequest; end: Omit<TapEnd, 'truncated'> | null }[] = []
  const splits = options.split === undefined ? {} : { r: options.split }
  const file = { read: () => ({ splits, latches: {}, kills: {} }), save: () => undefined, stop: async () => undefined }
  const rewriter = startBodyRewriter({ log: silentLog, metrics, ...options.rewriter })
  stops.push(() => rewriter.stop())
  const config = {
    ...sampleGatewayConfig,
    apiKeys: {},
    prompts: {},
    routing: {
      providers: [
        { id: 'p', baseUrl: p.url, api: 'openai' },
        { id: 'q', baseUrl: q.url, api: 'openai' },
      ],
      routes: [{ id: 'r', default: { id: 'old', provider: 'p', model: 'model-old' } }],
      tenants: [{ id: 't', tokenSha256, capture: 'full', segments: {}, passthrough: 'stateless' }],
    },
    ...options.config,
  } as unknown as GatewayConfig
  const admission = createAdmission({ ...config, metrics, log: silentLog })
  stops.push(() => admission.stop())
  const server = await startGatewayServer({
    config,
    control: createControlState({ clock: systemClock, file }),
    tap: options.tap?.(metrics) ?? {
      begin(_, request) {
        const entry: (typeof tapped)[number] = { request, end: null }
        tapped.push(entry)
        return {
          chunk: () => undefined,
          end(end) {
            entry.end = end
          },
        }
      },
      stop: async () => undefined,
    },
    rewriter,
    admission,
    clock: systemClock,
    metrics,
    log: options.log ?? silentLog,
    onAssigned: () => undefined,
  })
  stops.push(() => server.stop())
  const ask = (body = '{"model":"asked","messages":[]}', headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${server.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer token', ...headers },
      body,
    })
  return { p, q, tapped, metrics, ask, port: server.port, stop: () => server.stop() }
}
