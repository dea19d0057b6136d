import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { Agent } from 'undici'
import type { Resolution } from '../domain/events/records.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import type { BodyRewriter } from './body-rewriter.ts'
import { type Chosen, chooseVariant, type Oddity } from './choose-variant.ts'
import type { GatewayConfig } from './config.ts'
import type { ControlState } from './control-state.ts'
import { type Forwarded, forward, nothingSeen } from './forward.ts'
import { answerMalformed, sendError } from './own-answers.ts'
import { type BodyRoom, createBodyRoom, readBody } from './read-body.ts'
import { authenticate, downstreamHeaders, mintExchangeId, type Tenant, upstreamHeaders } from './request-context.ts'
import type { Tap } from './tap.ts'

export interface GatewayServer {
  readonly port: number
  stop(): Promise<void>
}

export interface GatewayDeps {
  readonly config: GatewayConfig
  readonly control: ControlState
  readonly tap: Tap
  readonly rewriter: BodyRewriter
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Logger
  /** Told about each assignment, for the observed share. */
  onAssigned(route: string, arm: 'baseline' | 'candidate'): void
}

interface Counted {
  readonly arm: 'none' | 'baseline' | 'candidate'
  readonly outcome: string
}

/** How long a caller may take to send its request: one that trickles would hold a place for ever. */
const requestTimeoutMs = 300_000
/** A connection on which nothing moves for this much longer than a model may take is closed: the end of an answer that nobody reads, above all. */
const idleMarginMs = 1_000
/** Running answers get this long when the gateway stops; what the tap holds of them must get out within the process's deadline, too. */
const drainMs = 5_000
const killPath = '/-/kill'

/** Serves the OpenAI-compatible API. Nothing of Kafka or the tap is ever waited for. */
export async function startGatewayServer(deps: GatewayDeps): Promise<GatewayServer> {
  const { config, metrics } = deps
  const agent = new Agent({ connections: config.requestsMax, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  const labels = ['arm', 'outcome']
  const requests = metrics.counter('penstock_gateway_requests_total', 'Requests by arm and outcome', labels)
  const oddities = metrics.counter(
    'penstock_gateway_oddities_total',
    'Requests that were not served quite as asked: a turn that is no number (turn), a variant that cannot be served (variant)',
    ['what'],
  )
  const count = ({ arm, outcome }: Counted) => requests.add(1, { arm, outcome })
  const answering = new WeakSet<Duplex>()
  const limited = limiter(deps)
  const answerDeps = {
    ...deps,
    agent,
    room: createBodyRoom(config.bodiesBytesMax, metrics),
    odd: (what: Oddity) => oddities.add(1, { what }),
  }
  const server = createServer((request, response) => {
    answering.add(request.socket)
    response.once('close', () => answering.delete(request.socket))
    limited(request, response, () => answer(answerDeps, request, response))
      .catch((error: unknown): Counted => {
        deps.log.error({ err: String(error) }, 'a request could not be served')
        response.destroy()
        return { arm: 'none', outcome: 'gateway_error' }
      })
      .then(count, () => undefined)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    count({ arm: 'none', outcome: 'malformed' })
    answerMalformed(error, socket, answering.has(socket))
  })
  server.requestTimeout = requestTimeoutMs
  server.timeout = config.legTimeoutMs + idleMarginMs
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.port, config.host, resolve)
  })
  return { port: (server.address() as AddressInfo).port, stop: () => drain(server, agent) }
}

type Handling = (request: IncomingMessage, response: ServerResponse, handle: () => Promise<Counted>) => Promise<Counted>

/** Refuses what is more than may be under way; the local kill is always heard. */
function limiter({ config, metrics }: GatewayDeps): Handling {
  const running = metrics.gauge('penstock_gateway_running_requests', 'Requests under way, and connections to providers')
  metrics.gauge('penstock_gateway_requests_limit', 'Requests that may be under way at once').set(config.requestsMax)
  let under = 0
  const step = (by: number) => {
    under += by
    running.set(under)
  }
  return async (request, response, handle) => {
    if (under >= config.requestsMax && pathOf(request) !== killPath) {
      request.resume()
      sendError(response, 503, 'the gateway serves as many requests as it may', 'server_error', { 'retry-after': '1' })
      return { arm: 'none', outcome: 'overloaded' }
    }
    step(1)
    try {
      return await handle()
    } finally {
      step(-1)
    }
  }
}

interface AnswerDeps extends GatewayDeps {
  readonly agent: Agent
  readonly room: BodyRoom
  odd(what: Oddity): void
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}

async function answer(deps: AnswerDeps, request: IncomingMessage, response: ServerResponse): Promise<Counted> {
  const { config } = deps
  const path = pathOf(request)
  if (path === killPath) return localKill(deps, request, response)
  const refuse = (status: number, message: string, type: string, outcome: string): Counted => {
    request.resume()
    sendError(response, status, message, type)
    return { arm: 'none', outcome }
  }
  if (path !== '/v1/chat/completions') {
    const message = `no such operation: ${request.method} ${path}; this gateway serves POST /v1/chat/completions`
    return refuse(404, message, 'invalid_request_error', 'unknown_path')
  }
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    return refuse(405, `${request.method} is not allowed here; use POST`, 'invalid_request_error', 'bad_method')
  }
  const tenant = authenticate(request.headers, config.routing.tenants)
  if (tenant === null) {
    const message = 'the bearer token belongs to no tenant of this gateway'
    return refuse(401, message, 'authentication_error', 'unauthenticated')
  }
  const body = await readBody(request, config.bodyBytesMax, deps.room)
  if (body === 'gone') return { arm: 'none', outcome: 'client_gone' }
  if (body === 'too_large')
    return refuse(413, `the body is larger than ${config.bodyBytesMax} bytes`, 'invalid_request_error', 'too_large')
  if (body === 'no_room') return refuse(503, 'the gateway holds as many bodies as it may', 'server_error', 'overloaded')
  try {
    return await route(deps, request, response, tenant, body)
  } finally {
    deps.room.give(body.length)
  }
}

async function route(
  deps: AnswerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  tenant: Tenant,
  body: Uint8Array,
): Promise<Counted> {
  const { headers } = request
  const exchangeId = mintExchangeId()
  const query = (request.url ?? '').slice(pathOf(request).length + 1)
  const chosen = chooseVariant(deps, { exchangeId, atMs: deps.clock.nowMs(), headers, query }, tenant)
  if (chosen === null) {
    sendError(response, 404, 'no such route; name one with x-penstock-route', 'invalid_request_error')
    return { arm: 'none', outcome: 'unknown_route' }
  }
  chosen.oddities.forEach(deps.odd)
  deps.onAssigned(chosen.tapped.route, chosen.tapped.arm)
  const outcome = await serve(deps, { id: exchangeId, chosen, body, headers, response })
  return { arm: chosen.tapped.arm, outcome }
}

interface Call {
  readonly id: string
  readonly chosen: Chosen
  readonly body: Uint8Array
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
}

async function serve(deps: AnswerDeps, call: Call): Promise<Resolution> {
  const { clock, tap } = deps
  const { id, chosen, body, response } = call
  const startedAtMs = clock.nowMs()
  const startMono = clock.monoMs()
  const at = () => startedAtMs + Math.round(clock.monoMs() - startMono)
  const tapped = tap.begin(id, chosen.tapped, body)
  let ended = notForwarded('gateway')
  try {
    const outgoing = await outgoingBody(deps, call)
    ended =
      typeof outgoing === 'string'
        ? notForwarded(outgoing)
        : await forward({
            agent: deps.agent,
            url: chosen.url,
            headers: upstreamHeaders(call.headers, id, deps.config.apiKeys[chosen.tapped.provider] ?? null),
            body: outgoing,
            timeoutMs: Math.max(1, deps.config.legTimeoutMs - (at() - startedAtMs)),
            response,
            clock,
            headersDown: (headers) => downstreamHeaders(headers, id),
            onChunk: (chunk) => tapped.chunk(chunk, at()),
          })
    if (!response.headersSent && !response.destroyed) {
      const [status, message, type] = excuses[ended.ended]
      sendError(response, status, message, type, { 'x-penstock-exchange': id })
    }
  } finally {
    // Whatever happens: what the tap was told of and never hears the end of would take its budget for ever.
    const { status, errorClass, streamed, contentEncoding, quotaRemaining } = ended
    const [resolution, endedAtMs] = [resolutionOf(ended), at()]
    tapped.end({ resolution, errorClass, status, streamed, contentEncoding, startedAtMs, endedAtMs, quotaRemaining })
  }
  return resolutionOf(ended)
}

/** Why a body cannot be sent: it names another model, and could not be given this one. */
type Unsendable = 'unreadable_body' | 'gateway'

async function outgoingBody({ rewriter }: GatewayDeps, { chosen, body }: Call): Promise<Uint8Array | Unsendable> {
  const { rewrite } = chosen.tapped
  if (rewrite === null) return body
  try {
    return (await rewriter.rewrite(body, rewrite)) ?? 'unreadable_body'
  } catch {
    return 'gateway'
  }
}

function notForwarded(why: Unsendable): Ended {
  const status = excuses[why][0]
  return { ...nothingSeen, ended: why, status, errorClass: why }
}

type Ended = Omit<Forwarded, 'ended'> & { readonly ended: Forwarded['ended'] | Unsendable }

const unreachable = [502, 'the model could not be reached', 'server_error'] as const
/** What a caller hears that has heard nothing of the model yet. */
const excuses: Readonly<Record<Ended['ended'], readonly [number, string, string]>> = {
  complete: unreachable,
  client_gone: unreachable,
  client_stalled: unreachable,
  upstream_broken: unreachable,
  unreachable,
  timeout: [504, 'the model did not answer in time', 'server_error'],
  unreadable_body: [400, 'the body is no JSON object that can be read', 'invalid_request_error'],
  gateway: [500, 'the gateway could not prepare the body', 'server_error'],
}

/**
 * How the call ended, as far as it is known without reading the answer. `abandoned` (left before anything of the answer came) is a metric of its
 * own; a caller that left later, or no longer read, says nothing about the model. Whether what came was a token yet, the tap finds out.
 */
function resolutionOf(forwarded: Ended): Resolution {
  switch (forwarded.ended) {
    case 'client_gone':
      return forwarded.begun ? 'aborted_by_client' : 'abandoned'
    case 'client_stalled':
      return 'aborted_by_client'
    case 'timeout':
      return 'timed_out'
    case 'complete':
      return forwarded.status !== null && forwarded.status >= 400 ? 'failed' : 'answered'
    case 'unreachable':
    case 'upstream_broken':
    case 'unreadable_body':
    case 'gateway':
      return 'failed'
  }
}

function localKill(deps: GatewayDeps, request: IncomingMessage, response: ServerResponse): Counted {
  request.resume()
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
  deps.control.setLocalKill('hand', on)
  deps.log.warn({ on }, 'local kill')
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ localKill: on }))
  return { arm: 'none', outcome: 'local_kill' }
}

/** Takes no new connections, lets running answers end for a while, then closes. */
async function drain(server: Server, agent: Agent): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const idle = setInterval(() => server.closeIdleConnections(), 100)
  const late = setTimeout(() => server.closeAllConnections(), drainMs)
  await closed
  clearInterval(idle)
  clearTimeout(late)
  await agent.destroy()
}
