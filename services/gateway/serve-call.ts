import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Agent } from 'undici'
import type { Resolution } from '../domain/events/records.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { BodyRewriter } from './body-rewriter.ts'
import type { Chosen } from './choose-variant.ts'
import type { GatewayConfig } from './config.ts'
import { exchangeFields } from './exchange-fields.ts'
import { type Forwarded, forward, nothingSeen, type RetryPolicy } from './forward.ts'
import { sendError } from './own-answers.ts'
import { downstreamHeaders, upstreamHeaders } from './request-context.ts'
import type { Tap } from './tap.ts'

export interface ServeDeps {
  readonly agent: Agent
  readonly clock: Clock
  readonly tap: Tap
  readonly rewriter: BodyRewriter
  readonly config: Pick<GatewayConfig, 'apiKeys' | 'legTimeoutMs'>
  readonly log: Logger
  /** Told about each call that is made again. */
  onRetry(provider: string, why: string): void
}

export interface Call {
  readonly id: string
  readonly chosen: Chosen
  readonly body: Uint8Array
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
}

/** Passes one call on, its answer back, and tells the tap. */
export async function serveCall(deps: ServeDeps, call: Call): Promise<Resolution> {
  const { clock, tap } = deps
  const { id, chosen, body, response } = call
  const startedAtMs = clock.nowMs()
  const startMono = clock.monoMs()
  const at = () => startedAtMs + Math.round(clock.monoMs() - startMono)
  const tapped = tap.begin(id, chosen.tapped, body)
  let ended = notForwarded('gateway')
  let legMs = startedAtMs
  try {
    const outgoing = await outgoingBody(deps, call)
    // The leg is the model's part: what it takes to prepare the candidate's body must not be laid at the candidate's door.
    legMs = at()
    ended =
      typeof outgoing === 'string'
        ? notForwarded(outgoing)
        : await forward({
            agent: deps.agent,
            urls: chosen.urls,
            retry: retryPolicy(deps, chosen.provider),
            method: 'POST',
            headers: upstreamHeaders(call.headers, id, {
              api: chosen.provider.api,
              key: deps.config.apiKeys[chosen.provider.id] ?? null,
            }),
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
    tapped.end({
      resolution,
      errorClass,
      status,
      streamed,
      contentEncoding,
      startedAtMs: legMs,
      endedAtMs,
      quotaRemaining,
    })
  }
  sayUnanswered(deps.log, call, ended)
  return resolutionOf(ended)
}

/** For who looks for one exchange; how many there are, metrics say. At `debug`: a provider that is down would fill the log with lines that all say the same. */
function sayUnanswered(log: Logger, { id, chosen: { tapped } }: Call, ended: Ended): void {
  const resolution = resolutionOf(ended)
  if (resolution === 'answered') return
  const { route, arm } = tapped
  const { errorClass: error_class, status } = ended
  log.debug({ ...exchangeFields(id, tapped), route, arm, resolution, error_class, status }, 'not answered')
}

/** As the provider is configured; another provider or arm is never asked instead. */
function retryPolicy(deps: ServeDeps, { id, retries }: Chosen['provider']): RetryPolicy | null {
  if (retries === undefined) return null
  return { max: retries.max, on: retries.on, onRetry: (why) => deps.onRetry(id, why) }
}

/** Why a body cannot be sent: it names another model, and could not be given this one. */
type Unsendable = 'unreadable_body' | 'gateway'

async function outgoingBody({ rewriter }: ServeDeps, { chosen, body }: Call): Promise<Uint8Array | Unsendable> {
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

type Excuse = readonly [number, string, 'server_error' | 'invalid_request_error']

const unreachable: Excuse = [502, 'the model could not be reached', 'server_error']
/** What a caller hears that has heard nothing of the model yet. */
const excuses: Readonly<Record<Ended['ended'], Excuse>> = {
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
