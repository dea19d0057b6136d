import { Agent, request } from 'undici'
import { type Operation, operationPaths } from '../domain/sampling/operations.ts'
import type { Clock } from '../domain/time/clock.ts'
import { neverConnected } from '../platform/http/never-connected.ts'
import { parseRetryAfter } from '../platform/http/retry-after.ts'
import { type HeardAnswer, type Hearing, hearAnswer, isEventStream } from '../platform/model-api/heard-answer.ts'
import { keyHeader, type ProviderApi } from '../platform/model-api/provider-settings.ts'

/** Where a variant is served and with which key. */
export interface Provider {
  readonly id: string
  /** Up to and including /v1. */
  readonly baseUrl: string
  readonly api: ProviderApi
  readonly operations: ReadonlySet<Operation>
  readonly apiKey: string | null
}

/** One call: what is asked, and what its HTTP needs to say besides. */
export interface ModelCall {
  readonly operation: Operation
  readonly body: Readonly<Record<string, unknown>>
  /** Versions and betas of an API that the caller named. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly requestId: string
  readonly signal: AbortSignal
}

/** How one attempt ended. `begun` says whether the provider had started to answer: only attempts that had not may be repeated. */
export interface CallResult {
  readonly outcome: 'answered' | 'failed' | 'timed_out'
  readonly errorClass: string | null
  readonly status: number | null
  readonly begun: boolean
  /** The request may have reached the provider, which did not say that it refused it: what it cost is then unknown unless usage was reported. */
  readonly maybeCharged: boolean
  /** How long the provider asked to be left alone; null when it did not say. */
  readonly retryAfterMs: number | null
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** As far as it came; null when nothing did. */
  readonly heard: HeardAnswer | null
}

export interface ModelCaller {
  call(provider: Provider, call: ModelCall): Promise<CallResult>
  stop(): Promise<void>
}

const connectTimeoutMs = 5_000

/** Calls a provider and reads the whole answer; every failure is a value. */
export function createModelCaller(options: { readonly clock: Clock; readonly connectionsMax: number }): ModelCaller {
  const agent = new Agent({ connections: options.connectionsMax, connect: { timeout: connectTimeoutMs } })
  return {
    call: (provider, call) => callOnce(agent, options.clock, provider, call),
    stop: () => agent.destroy(),
  }
}

async function callOnce(agent: Agent, clock: Clock, provider: Provider, call: ModelCall): Promise<CallResult> {
  // Durations come from the monotonic clock, so that a wall clock that is set in between cannot bend them.
  const startedAtMs = clock.nowMs()
  const startMono = clock.monoMs()
  const at = () => startedAtMs + Math.round(clock.monoMs() - startMono)
  const timeout = AbortSignal.timeout(Math.max(1, call.timeoutMs))
  let status: number | null = null
  let retryAfterMs: number | null = null
  let connected = true
  let hearing: Hearing | null = null
  /** Why the answer did not come to its end; null: it did. */
  let interruption: 'timeout' | 'connection' | 'truncated' | null = null
  try {
    const response = await request(`${provider.baseUrl}${operationPaths[call.operation]}`, {
      method: 'POST',
      dispatcher: agent,
      headers: headersOf(provider, call),
      body: JSON.stringify(call.body),
      signal: AbortSignal.any([timeout, call.signal]),
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    status = response.statusCode
    retryAfterMs = parseRetryAfter(response.headers['retry-after'], clock.nowMs())
    hearing = hearAnswer({
      form: call.operation,
      status,
      streamed: isEventStream(String(response.headers['content-type'] ?? '')),
      contentEncoding: String(response.headers['content-encoding'] ?? ''),
    })
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) hearing.push(chunk, at())
  } catch (error) {
    if (timeout.aborted) interruption = 'timeout'
    else interruption = status === null ? 'connection' : 'truncated'
    connected = !neverConnected(error)
  }
  const endedAtMs = at()
  const heard = hearing === null ? null : await hearing.end(endedAtMs)
  const errorClass = interruption ?? heard?.failure ?? null
  return {
    outcome: outcomeOf(errorClass),
    errorClass,
    status,
    begun: status !== null && status < 400,
    maybeCharged: connected && (status === null || status < 400 || status >= 500),
    retryAfterMs,
    startedAtMs,
    endedAtMs,
    heard,
  }
}

function outcomeOf(errorClass: string | null): CallResult['outcome'] {
  if (errorClass === null) return 'answered'
  return errorClass === 'timeout' ? 'timed_out' : 'failed'
}

function headersOf(provider: Provider, { headers, requestId }: ModelCall): Record<string, string> {
  return {
    ...headers,
    'content-type': 'application/json',
    'x-request-id': requestId,
    'x-penstock-leg': 'shadow',
    ...keyHeader(provider.api, provider.apiKey),
  }
}
