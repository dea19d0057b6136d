import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Agent } from 'undici'
import type { Clock } from '../domain/time/clock.ts'
import type { Logger } from '../platform/log/logger.ts'
import { chooseDefault } from './choose-variant.ts'
import type { GatewayConfig } from './config.ts'
import type { ControlState } from './control-state.ts'
import { exchangeFields } from './exchange-fields.ts'
import { type Forwarded, forward } from './forward.ts'
import { sendError } from './own-answers.ts'
import {
  downstreamHeaders,
  headerOf,
  mintExchangeId,
  pathOf,
  queryOf,
  type Tenant,
  upstreamHeaders,
} from './request-context.ts'

interface PassDeps {
  readonly config: GatewayConfig
  readonly control: ControlState
  readonly agent: Agent
  readonly clock: Clock
  readonly log: Logger
}

/**
 * What keeps nothing at the provider and reads nothing that others keep there. Everything else below /v1 (files, batches, stored responses, the
 * organisation) is shared by all who are served with the same key.
 */
const statelessPaths = [
  '/models',
  '/moderations',
  '/audio/',
  '/images/',
  '/messages/count_tokens',
  '/responses/input_tokens',
  '/rerank',
  '/score',
  '/tokenize',
  '/detokenize',
] as const

function isStateless(path: string): boolean {
  return statelessPaths.some((known) => path === known || path.startsWith(known.endsWith('/') ? known : `${known}/`))
}

/** Passes on what is neither split nor captured, as it comes, in both directions. Says what came of it. */
export async function passThrough(
  deps: PassDeps,
  request: IncomingMessage,
  response: ServerResponse,
  tenant: Tenant,
): Promise<string> {
  const path = pathOf(request).slice('/v1'.length)
  const refuse = (status: number, message: string, type: Parameters<typeof sendError>[3], outcome: string) => {
    request.resume()
    sendError(response, status, message, type)
    return outcome
  }
  // As the provider will read it: `.` and `..`, escaped or not, must not lead out of what is allowed.
  if (isIndirect(path)) return refuse(400, 'the path is not in its plain form', 'invalid_request_error', 'bad_path')
  if (tenant.passthrough === 'none' || (tenant.passthrough === 'stateless' && !isStateless(path))) {
    const message = `tenant ${tenant.id} may not call ${request.method} /v1${path}: callers share the provider's key; \`passthrough: all\` of the tenant in the gateway's file allows it`
    return refuse(403, message, 'permission_error', 'forbidden')
  }
  const to = chooseDefault(deps, request.headers, { path, query: queryOf(request) })
  if (to === null)
    return refuse(404, 'no such route; name one with x-penstock-route', 'invalid_request_error', 'unknown_route')
  const id = mintExchangeId()
  const { api } = to.provider
  const headers = upstreamHeaders(request.headers, id, { api, key: deps.config.apiKeys[to.provider.id] ?? null })
  const length = request.headers['content-length']
  const hasBody = length !== undefined || request.headers['transfer-encoding'] !== undefined
  const forwarded = await forward({
    agent: deps.agent,
    urls: [to.url],
    retry: null,
    method: request.method ?? 'GET',
    headers: length === undefined ? headers : { ...headers, 'content-length': length },
    body: hasBody ? request : null,
    timeoutMs: deps.config.legTimeoutMs,
    response,
    clock: deps.clock,
    headersDown: (names) => downstreamHeaders(names, id),
    onChunk: () => undefined,
  })
  const { ended, errorClass: error_class, status } = forwarded
  if (ended !== 'complete' || error_class !== null) {
    const traceparent = headerOf(request.headers, 'traceparent')
    const named = exchangeFields(id, { traceparent, capture: tenant.capture })
    // No path: it is the caller's text.
    deps.log.debug({ ...named, provider: to.provider.id, ended, error_class, status }, 'not answered: passed through')
  }
  return concluded(request, response, forwarded)
}

function concluded(request: IncomingMessage, response: ServerResponse, { ended }: Forwarded): string {
  if (!response.headersSent && !response.destroyed) {
    request.resume()
    if (ended === 'timeout') sendError(response, 504, 'the provider did not answer in time', 'server_error')
    else sendError(response, 502, 'the provider could not be reached', 'server_error')
  }
  return ended === 'complete' ? 'passed_through' : `passed_through_${ended}`
}

function isIndirect(path: string): boolean {
  try {
    const decoded = decodeURIComponent(path)
    return /(?:^|\/)\.{1,2}(?:\/|$)|\\|\/\//.test(decoded) || new URL(`http://h${path}`).pathname !== path
  } catch {
    return true
  }
}
