import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import type { Resolution, Variant } from '../domain/events/records.ts'
import { withVariant } from '../domain/sampling/replay-body.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import type { GatewayConfig } from './config.ts'
import type { ControlState } from './control-state.ts'
import { type Forwarded, forward } from './forward.ts'
import {
  authenticate,
  capturedHeaders,
  downstreamHeaders,
  headerOf,
  identify,
  mintExchangeId,
  type Tenant,
  upstreamHeaders,
} from './request-context.ts'
import type { Tap } from './tap.ts'
import type { TapRequest } from './tap-messages.ts'

export interface GatewayServer {
  readonly port: number
  stop(): Promise<void>
}

export interface GatewayDeps {
  readonly config: GatewayConfig
  readonly control: ControlState
  readonly tap: Tap
  readonly clock: Clock
  readonly metrics: Metrics
  /** Told about each assignment, for the observed share. */
  onAssigned(route: string, arm: 'baseline' | 'candidate'): void
}

/** The split's answer, with everything needed to serve it. */
interface Chosen {
  readonly route: GatewayConfig['routing']['routes'][number]
  readonly tenant: Tenant
  readonly variant: Pick<Variant, 'id' | 'provider' | 'model'> & {
    readonly parameters?: Variant['parameters']
    readonly prompt_version?: string | null
  }
  readonly baseUrl: string
  readonly tapped: TapRequest
}

/** Serves the OpenAI-compatible API. Nothing of Kafka or the tap is ever waited for. */
export async function startGatewayServer(deps: GatewayDeps): Promise<GatewayServer> {
  const agent = new Agent({ connections: 512, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  const requests = deps.metrics.counter('penstock_gateway_requests_total', 'Requests by arm and outcome', [
    'arm',
    'outcome',
  ])
  const server = createServer((request, response) => {
    handle(deps, agent, request, response)
      .then((outcome) => requests.add(1, outcome))
      .catch(() => response.destroy())
  })
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(deps.config.port, deps.config.host, resolve)
  })
  return { port: (server.address() as AddressInfo).port, stop: () => drain(server, agent) }
}

async function handle(
  deps: GatewayDeps,
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<{ arm: string; outcome: string }> {
  const path = (request.url ?? '').split('?')[0]
  if (path === '/-/kill') return localKill(deps, request, response)
  if (request.method !== 'POST' || path !== '/v1/chat/completions') {
    sendError(
      response,
      404,
      `no such operation: ${request.method ?? ''} ${path ?? ''}; this gateway serves POST /v1/chat/completions`,
      'invalid_request_error',
    )
    return { arm: 'none', outcome: 'unknown_path' }
  }
  const tenant = authenticate(request.headers, deps.config.routing.tenants)
  if (tenant === null) {
    sendError(response, 401, 'the bearer token belongs to no tenant of this gateway', 'authentication_error')
    return { arm: 'none', outcome: 'unauthenticated' }
  }
  const body = await readBody(request, deps.config.bodyBytesMax)
  if (body === null) {
    sendError(response, 413, `the body is larger than ${deps.config.bodyBytesMax} bytes`, 'invalid_request_error')
    return { arm: 'none', outcome: 'too_large' }
  }
  const id = mintExchangeId()
  const chosen = choose(deps, request, tenant, id)
  if (chosen === null) {
    sendError(response, 404, 'no such route; name one with x-penstock-route', 'invalid_request_error')
    return { arm: 'none', outcome: 'unknown_route' }
  }
  deps.onAssigned(chosen.route.id, chosen.tapped.arm)
  if (tenant.capture !== 'none') deps.tap.begin(id, chosen.tapped, body)
  const outcome = await serve(deps, agent, request, response, id, chosen, body)
  return { arm: chosen.tapped.arm, outcome }
}

function choose(deps: GatewayDeps, request: IncomingMessage, tenant: Tenant, id: string): Chosen | null {
  const { headers } = request
  const { routes, providers } = deps.config.routing
  const wanted = headerOf(headers, 'x-penstock-route')
  const route = wanted === null ? routes[0] : routes.find((candidate) => candidate.id === wanted)
  if (route === undefined) return null
  const split = deps.control.split(route.id)
  const { session, unit } = identify(headers, split?.sticky_key ?? 'session', tenant.id, id, deps.config.hashKey)
  const routed = deps.control.route(route.id, { tenant: tenant.id, segments: tenant.segments, unit })
  const variant = split?.variants.find((candidate) => candidate.id === routed.variant) ?? route.default
  const provider =
    providers.find((candidate) => candidate.id === variant.provider) ??
    providers.find((candidate) => candidate.id === route.default.provider)
  if (provider === undefined) return null
  const tapped: TapRequest = {
    route: route.id,
    operation: 'chat.completions',
    tenant: tenant.id,
    session,
    unit,
    segments: tenant.segments,
    arrivedAtMs: deps.clock.nowMs(),
    arm: routed.arm,
    assignment: routed.assignment,
    place: routed.place,
    headers: capturedHeaders(headers),
    capture: tenant.capture === 'none' ? 'metadata' : tenant.capture,
    promptId: headerOf(headers, 'x-penstock-prompt-id'),
    promptVersion: headerOf(headers, 'x-penstock-prompt-version'),
    goldenRef: headerOf(headers, 'x-penstock-golden'),
    traceparent: headerOf(headers, 'traceparent'),
    clientRequestId: headerOf(headers, 'x-request-id'),
    turn: Number(headerOf(headers, 'x-penstock-turn') ?? 0) || 0,
    provider: provider.id,
    model: variant.model,
  }
  return { route, tenant, variant, baseUrl: provider.baseUrl.replace(/\/$/, ''), tapped }
}

/** The route's own default passes byte for byte; any other variant needs its model and parameters in the body. */
function bodyFor(chosen: Chosen, body: Buffer): Buffer {
  const { route, variant } = chosen
  if (variant.id === route.default.id) return body
  try {
    const parsed = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    return Buffer.from(
      JSON.stringify(
        withVariant(parsed, {
          id: variant.id,
          provider: variant.provider,
          model: variant.model,
          prompt_version: null,
          parameters: variant.parameters ?? {},
        }),
      ),
    )
  } catch {
    // Not JSON: the provider says so in its own words.
    return body
  }
}

async function serve(
  deps: GatewayDeps,
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
  chosen: Chosen,
  body: Buffer,
): Promise<string> {
  const { clock, config, tap } = deps
  const startedAtMs = clock.nowMs()
  const startMono = clock.monoMs()
  const at = () => startedAtMs + Math.round(clock.monoMs() - startMono)
  const captured = chosen.tenant.capture !== 'none'
  let truncated = false
  const forwarded = await forward({
    agent,
    url: `${chosen.baseUrl}/chat/completions`,
    headers: upstreamHeaders(request.headers, id, config.apiKeys[chosen.tapped.provider] ?? null),
    body: bodyFor(chosen, body),
    timeoutMs: config.legTimeoutMs,
    request,
    response,
    headersDown: (headers) => downstreamHeaders(headers, id),
    onChunk: (chunk) => {
      if (captured && !truncated) truncated = !tap.chunk(id, chunk, at())
    },
  })
  const resolution = resolutionOf(forwarded)
  if (!response.headersSent && forwarded.ended !== 'client_gone') {
    sendError(
      response,
      forwarded.ended === 'timeout' ? 504 : 502,
      forwarded.ended === 'timeout' ? 'the model did not answer in time' : 'the model could not be reached',
      'server_error',
    )
  }
  if (captured) {
    const { status, errorClass, streamed, quotaRemaining } = forwarded
    tap.end(id, { resolution, errorClass, status, streamed, startedAtMs, endedAtMs: at(), truncated, quotaRemaining })
  }
  return resolution
}

/** A client that left before the first byte of the answer abandoned it; one that left later cut it short. */
function resolutionOf(forwarded: Forwarded): Resolution {
  switch (forwarded.ended) {
    case 'client_gone':
      return forwarded.begun ? 'aborted_by_client' : 'abandoned'
    case 'timeout':
      return 'timed_out'
    case 'complete':
      return forwarded.status !== null && forwarded.status >= 400 ? 'failed' : 'answered'
    default:
      return 'failed'
  }
}

function localKill(
  deps: GatewayDeps,
  request: IncomingMessage,
  response: ServerResponse,
): { arm: string; outcome: string } {
  const from = request.socket.remoteAddress ?? ''
  if (!['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(from)) {
    sendError(response, 403, 'the local kill answers to loopback only', 'permission_error')
    return { arm: 'none', outcome: 'forbidden' }
  }
  const on = request.method === 'POST'
  if (!on && request.method !== 'DELETE') {
    sendError(response, 405, 'POST kills, DELETE releases', 'invalid_request_error')
    return { arm: 'none', outcome: 'bad_method' }
  }
  deps.control.setLocalKill(on)
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ localKill: on }))
  return { arm: 'none', outcome: 'local_kill' }
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function sendError(response: ServerResponse, status: number, message: string, type: string): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: { message, type, param: null, code: null } }))
}

/** Takes no new connections, lets running answers end, then closes. */
async function drain(server: Server, agent: Agent): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
  await agent.destroy()
}
