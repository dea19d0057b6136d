import { createHash, timingSafeEqual } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { SchemaProblem } from '../platform/documents/json-schema.ts'
import { describe } from '../platform/log/error-text.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import { type Operation, readOperations } from './api-document.ts'
import { authorised, type Call, type Caller, type Handlers } from './call.ts'
import type { Tokens } from './config.ts'
import { ApiProblem, problemBody, problemOf } from './problem.ts'

export interface ApiServerDeps {
  /** Operation id → what serves it. */
  readonly handlers: Handlers
  readonly tokens: Tokens
  readonly log: Logger
  readonly metrics: Metrics
}

/** Golden sets are the only large thing that people send. */
const bodyBytesMax = 64 * 1024 * 1024
/** A request that takes longer to arrive is given up: sockets are limited too. */
const receiveWithinMs = 120_000

/**
 * Serves exactly the operations of `schemas/openapi.yaml`: routes, roles and the checks of parameters and bodies come from there. A caller is
 * known before a byte of the body is read.
 */
export function createApiServer(deps: ApiServerDeps): FastifyInstance {
  const { log, metrics } = deps
  const requests = metrics.counter('penstock_api_requests_total', 'Answers by operation and status', [
    'operation',
    'status',
  ])
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const problem = problemOf(error)
    if (problem.status >= 500)
      log.error({ err: describe(error), method: request.method, url: request.url }, 'request failed')
    void reply.code(problem.status).type('application/problem+json').send(problemBody(problem))
  }
  const server = Fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: receiveWithinMs,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, request, reply) => refuse(error, request, reply),
  })
  server.setErrorHandler(refuse)
  server.setNotFoundHandler((request) => {
    throw new ApiProblem(404, 'NO_OPERATION', `there is no ${request.method} ${request.url}; see schemas/openapi.yaml`)
  })
  const operations = readOperations()
  const unknown = Object.keys(deps.handlers).filter((id) => !operations.some((operation) => operation.id === id))
  if (unknown.length > 0) throw new TypeError(`schemas/openapi.yaml does not name ${unknown.join(', ')}`)
  for (const operation of operations) {
    const handle = deps.handlers[operation.id]
    if (handle === undefined) throw new TypeError(`nothing serves the operation ${operation.id}`)
    const callers = new WeakMap<FastifyRequest, Caller>()
    server.route({
      method: operation.method,
      url: operation.url,
      onRequest: async (request) => {
        callers.set(request, authorised(callerOf(request, deps.tokens), operation.role))
      },
      onResponse: async (_, reply) => requests.add(1, { operation: operation.id, status: String(reply.statusCode) }),
      handler: async (request, reply) => {
        const caller = callers.get(request)
        if (caller === undefined) throw new TypeError('a request was handled before its caller was known')
        const { status, body } = await handle(checked(operation, caller, request))
        return reply.code(status).send(body)
      },
    })
  }
  return server
}

/** Throws ApiProblem INVALID_REQUEST with every field that is wrong, and FORBIDDEN for a kind of command above the caller's role. */
function checked(operation: Operation, caller: Caller, request: FastifyRequest): Call {
  const parameters = operation.typed({ ...(request.query as object), ...(request.params as object) })
  const problems = [...operation.checkParameters(parameters), ...operation.checkBody(request.body ?? null)]
  if (problems.length > 0) {
    const fields = problems.map(fieldProblem)
    throw new ApiProblem(
      422,
      'INVALID_REQUEST',
      fields
        .map(({ path, message }) => `${path}: ${message}`)
        .slice(0, 3)
        .join('; '),
      fields,
    )
  }
  const { kind } = (request.body ?? {}) as { readonly kind?: string }
  const role = kind === undefined ? undefined : operation.rolesByKind[kind]
  return { caller: role === undefined ? caller : authorised(caller, role), parameters, body: request.body }
}

function fieldProblem({ path, message }: SchemaProblem): { line: null; path: string; message: string } {
  return { line: null, path: path.length === 0 ? 'request' : path.join('.'), message }
}

function callerOf(request: FastifyRequest, tokens: Tokens): Caller {
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const digest = createHash('sha256').update(given).digest()
  let found: Caller | null = null
  for (const token of tokens) if (timingSafeEqual(digest, Buffer.from(token.tokenSha256, 'hex'))) found = token
  if (found === null)
    throw new ApiProblem(401, 'UNAUTHENTICATED', 'send a token of this installation as `Authorization: Bearer …`')
  return found
}
