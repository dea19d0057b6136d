import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Agent } from 'undici'
import { type Operation, operationAt } from '../domain/sampling/operations.ts'
import type { Clock } from '../domain/time/clock.ts'
import { errorText } from '../platform/log/error-text.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { ExchangeFields } from '../platform/log/trace-fields.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import type { Admission } from './admission.ts'
import type { BodyRewriter } from './body-rewriter.ts'
import { chooseVariant, type Oddity } from './choose-variant.ts'
import type { GatewayConfig } from './config.ts'
import type { ControlState } from './control-state.ts'
import { createDrain } from './drain.ts'
import { exchangeFields } from './exchange-fields.ts'
import { listenWide } from './listen-wide.ts'
import { localKill } from './local-kill.ts'
import { answerMalformed, sendError } from './own-answers.ts'
import { passThrough } from './pass-through.ts'
import { type BodyRoom, createBodyRoom, readBody } from './read-body.ts'
import { authenticate, headerOf, mintExchangeId, pathOf, queryOf, type Tenant } from './request-context.ts'
import { serveCall } from './serve-call.ts'
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
  readonly admission: Admission
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

/** How long a caller may take to send the head of its request, which is small; one that trickles would hold a place for ever. */
const headTimeoutMsMax = 60_000
/** How often it is looked for callers that take longer. */
const timeoutCheckMs = 5_000
/**
 * How long a connection may idle between two requests: longer than load balancers keep theirs (60 s is common). Whoever closes first does so while the other may be
 * sending, and a caller's request is then lost; it must not be us.
 */
const keepAliveMs = 75_000
/** A connection on which nothing moves for this much longer than a model may take is closed: the end of an answer that nobody reads, above all. */
const idleMarginMs = 1_000
const killPath = '/-/kill'
const livePath = '/-/livez'
const readyPath = '/-/readyz'

/** Serves the APIs of OpenAI and Anthropic. Nothing of Kafka or the tap is ever waited for. */
export async function startGatewayServer(deps: GatewayDeps): Promise<GatewayServer> {
  const { config, metrics } = deps
  const agent = new Agent({ connections: config.requestsMax, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  const requests = metrics.counter('penstock_gateway_requests_total', 'Requests by arm and outcome', ['arm', 'outcome'])
  const oddities = metrics.counter(
    'penstock_gateway_oddities_total',
    'Requests that were not served quite as asked: a turn that is no number (turn), a variant that cannot be served (variant)',
    ['what'],
  )
  const retries = metrics.counter('penstock_gateway_retries_total', 'Calls made again at the same provider, by why', [
    'provider',
    'why',
  ])
  const count = ({ arm, outcome }: Counted) => requests.add(1, { arm, outcome })
  const answering = new WeakSet<Duplex>()
  const exchanges = new WeakMap<ServerResponse, ExchangeFields>()
  const limited = limiter(deps)
  const answerDeps = {
    ...deps,
    agent,
    room: createBodyRoom(config.bodiesBytesMax, metrics),
    ready: () => !drain.draining,
    onMinted: (response: ServerResponse, fields: ExchangeFields) => void exchanges.set(response, fields),
    odd: (what: Oddity) => oddities.add(1, { what }),
    onRetry: (provider: string, why: string) => retries.add(1, { provider, why }),
  }
  const drain = createDrain()
  const { requestTimeoutMs } = config
  const timeouts = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(headTimeoutMsMax, requestTimeoutMs),
    connectionsCheckingInterval: Math.min(timeoutCheckMs, requestTimeoutMs),
    keepAliveTimeout: keepAliveMs,
  }
  const server = createServer(timeouts, (request, response) => {
    drain.follow(response)
    answering.add(request.socket)
    response.once('close', () => answering.delete(request.socket))
    limited(request, response, () => answer(answerDeps, request, response))
      .catch((error: unknown): Counted => {
        const fields = exchanges.get(response) ?? { exchange: null }
        deps.log.error({ ...fields, err: errorText(error) }, 'a request could not be served')
        response.destroy()
        return { arm: 'none', outcome: 'gateway_error' }
      })
      .then(count, () => undefined)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    count({ arm: 'none', outcome: 'malformed' })
    answerMalformed(error, socket, answering.has(socket))
  })
  server.timeout = config.legTimeoutMs + idleMarginMs
  const listener = await listenWide(server, config)
  return {
    port: listener.port,
    async stop() {
      const { drainLeadMs: leadMs, drainMs: withinMs } = config
      const named = (response: ServerResponse) => exchanges.get(response) ?? null
      await drain.run(server, { leadMs, withinMs, log: deps.log, named, stopListening: () => listener.close() })
      await agent.destroy()
    },
  }
}

type Handling = (request: IncomingMessage, response: ServerResponse, handle: () => Promise<Counted>) => Promise<Counted>

const ownPaths: ReadonlySet<string> = new Set([killPath, livePath, readyPath])

/** Refuses what is not taken on; the local kill and questions of health are always heard. */
function limiter({ admission }: GatewayDeps): Handling {
  return async (request, response, handle) => {
    if (ownPaths.has(pathOf(request))) return handle()
    if (!admission.begin()) {
      request.resume()
      sendError(response, 503, 'the gateway serves as many requests as it can', 'server_error', { 'retry-after': '1' })
      return { arm: 'none', outcome: 'overloaded' }
    }
    try {
      return await handle()
    } finally {
      admission.end()
    }
  }
}

interface AnswerDeps extends GatewayDeps {
  readonly agent: Agent
  readonly room: BodyRoom
  ready(): boolean
  odd(what: Oddity): void
  /** Under which id the call is recorded, as the log names it. */
  onMinted(response: ServerResponse, fields: ExchangeFields): void
  onRetry(provider: string, why: string): void
}

async function answer(deps: AnswerDeps, request: IncomingMessage, response: ServerResponse): Promise<Counted> {
  const path = pathOf(request)
  if (path === killPath) return { arm: 'none', outcome: localKill(deps, request, response) }
  if (path === livePath || path === readyPath) return health(request, response, path === livePath || deps.ready())
  const refuse: Refuse = (status, message, type, outcome) => {
    request.resume()
    sendError(response, status, message, type)
    return { arm: 'none', outcome }
  }
  if (!path.startsWith('/v1/')) {
    const message = `no such operation: ${request.method} ${path}; this gateway serves what stands below /v1`
    return refuse(404, message, 'invalid_request_error', 'unknown_path')
  }
  const operation = operationAt(path.slice('/v1'.length))
  if (operation !== null && request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    return refuse(405, `${request.method} is not allowed here; use POST`, 'invalid_request_error', 'bad_method')
  }
  const tenant = authenticate(request.headers, deps.config.routing.tenants)
  if (tenant === null) {
    const message = 'the token belongs to no tenant of this gateway'
    return refuse(401, message, 'authentication_error', 'unauthenticated')
  }
  if (operation === null) return { arm: 'none', outcome: await passThrough(deps, request, response, tenant) }
  if (tenant.operations?.includes(operation) === false) {
    const message = `tenant ${tenant.id} may not call ${operation}; its \`operations\` in the gateway's file say what it may`
    return refuse(403, message, 'permission_error', 'forbidden')
  }
  const { bodyBytesMax } = deps.config
  const body = await readBody(request, bodyBytesMax, deps.room)
  if (body === 'gone') return { arm: 'none', outcome: 'client_gone' }
  if (body === 'too_large')
    return refuse(413, `the body is larger than ${bodyBytesMax} bytes`, 'invalid_request_error', 'too_large')
  if (body === 'no_room') return refuse(503, 'the gateway holds as many bodies as it may', 'server_error', 'overloaded')
  try {
    return await route(deps, { request, response, tenant, body, operation, refuse })
  } finally {
    deps.room.give(body.length)
  }
}

/** For what balances load and knows only the port that it sends to. */
function health(request: IncomingMessage, response: ServerResponse, good: boolean): Counted {
  request.resume()
  response.writeHead(good ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(good ? 'ok\n' : 'not ready: draining\n')
  return { arm: 'none', outcome: 'health' }
}

type Refuse = (...given: [number, string, Parameters<typeof sendError>[3], string]) => Counted

interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly tenant: Tenant
  readonly body: Uint8Array
  readonly operation: Operation
  readonly refuse: Refuse
}

async function route(deps: AnswerDeps, asked: Asked): Promise<Counted> {
  const { request, response, tenant, body, operation, refuse } = asked
  const { headers } = request
  const id = mintExchangeId()
  const traceparent = headerOf(headers, 'traceparent')
  deps.onMinted(response, exchangeFields(id, { traceparent, capture: tenant.capture }))
  const arrival = { exchangeId: id, atMs: deps.clock.nowMs(), headers, query: queryOf(request) }
  const chosen = chooseVariant(deps, operation, arrival, tenant)
  if (chosen.kind === 'unknown_route')
    return refuse(404, 'no such route; name one with x-penstock-route', 'invalid_request_error', 'unknown_route')
  if (chosen.kind === 'unserved') {
    const message = `no provider of route ${chosen.route} has ${operation}; name another route with x-penstock-route`
    return refuse(404, message, 'invalid_request_error', 'unserved')
  }
  chosen.oddities.forEach(deps.odd)
  deps.onAssigned(chosen.tapped.route, chosen.tapped.arm)
  const outcome = await serveCall(deps, { id, chosen, body, headers, response })
  return { arm: chosen.tapped.arm, outcome }
}
