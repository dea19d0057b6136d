import { Agent, request } from 'undici'
import { type Operation, operationPaths } from '../domain/sampling/operations.ts'
import type { Clock } from '../domain/time/clock.ts'
import { neverConnected } from '../platform/http/never-connected.ts'
import { parseRetryAfter } from '../platform/http/retry-after.ts'
import { type Answer, isSpentQuota } from '../platform/model-api/answer.ts'
import { createAnswerReader } from '../platform/model-api/answer-reader.ts'
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
  readonly firstTokenAtMs: number | null
  readonly endedAtMs: number
  readonly answer: Answer | null
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
  const ended = (outcome: CallResult['outcome'], errorClass: string | null, answer: Answer | null): CallResult => ({
    outcome,
    errorClass,
    status,
    begun: status !== null && status < 400,
    maybeCharged: connected && (status === null || status < 400 || status >= 500),
    retryAfterMs,
    startedAtMs,
    firstTokenAtMs: answer?.firstTokenAtMs ?? null,
    endedAtMs: at(),
    answer,
  })
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
    const streamed = String(response.headers['content-type'] ?? '').startsWith('text/event-stream')
    const reader = createAnswerReader({ form: call.operation, streamed })
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) reader.push(chunk, at())
    const answer = reader.end(at())
    if (status >= 400) return ended('failed', errorClassOf(status, answer), answer)
    if (answer.error !== null) return ended('failed', 'stream_error', answer)
    // What is too long to be read to its end was answered all the same, as live.
    return answer.complete || answer.truncated ? ended('answered', null, answer) : ended('failed', 'truncated', answer)
  } catch (error) {
    if (timeout.aborted) return ended('timed_out', 'timeout', null)
    connected = !neverConnected(error)
    return ended('failed', status === null ? 'connection' : 'truncated', null)
  }
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

/** A closed list: 429 is the provider's rate limit, or an exhausted quota that no retry mends. */
function errorClassOf(status: number, answer: Answer): string {
  if (status === 429) return isSpentQuota(answer.error) ? 'quota' : 'rate_limited'
  return status >= 500 ? 'provider_5xx' : 'provider_4xx'
}
