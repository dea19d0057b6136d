import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type Agent, type Dispatcher, request as upstreamRequest } from 'undici'
import type { Clock } from '../domain/time/clock.ts'
import { neverConnected } from '../platform/http/never-connected.ts'
import { parseRetryAfter } from '../platform/http/retry-after.ts'
import { isEventStream, statusFailure } from '../platform/model-api/heard-answer.ts'
import type { RetryReason } from '../platform/model-api/provider-settings.ts'

export interface ForwardOptions {
  readonly agent: Agent
  /** Taken in turn, one an attempt. */
  readonly urls: readonly [string, ...string[]]
  readonly retry: RetryPolicy | null
  readonly method: string
  readonly headers: Record<string, string | string[]>
  /** Null: none. A stream is passed on as it comes. */
  readonly body: Uint8Array | Readable | null
  readonly timeoutMs: number
  readonly response: ServerResponse
  readonly clock: Clock
  /** Names and values in turn, as received and as sent. */
  headersDown(headers: readonly string[]): string[]
  onChunk(chunk: Uint8Array): void
}

/** When a call is made again, at the same provider: only while nothing of an answer has been passed on, and only as configured. */
export interface RetryPolicy {
  readonly max: number
  readonly on: readonly RetryReason[]
  onRetry(why: RetryReason): void
}

export interface Forwarded {
  /** `client_stalled`: the time ran out, and most of it the answer was there and the caller did not take it. */
  readonly ended: 'complete' | 'client_gone' | 'client_stalled' | 'timeout' | 'upstream_broken' | 'unreachable'
  readonly status: number | null
  /** The first byte of the answer's body had come. */
  readonly begun: boolean
  readonly streamed: boolean
  readonly contentEncoding: string
  readonly errorClass: string | null
  readonly quotaRemaining: number | null
}

/**
 * Passes one call on and its answer back, chunk by chunk, no faster than the caller reads. A caller that leaves cancels the provider's work; a
 * provider that breaks off breaks the caller's connection too, so that a half answer never looks whole.
 */
export async function forward(options: ForwardOptions): Promise<Forwarded> {
  const { response, clock } = options
  // One timer and one signal: AbortSignal's own `timeout` and `any` cost several times as much for each call.
  const stopping = new AbortController()
  const { signal } = stopping
  const stopped: { why: 'gone' | 'timeout' | null } = { why: null }
  const stop = (why: 'gone' | 'timeout') => {
    stopped.why ??= why
    stopping.abort()
  }
  const onClose = () => {
    if (!response.writableFinished) stop('gone')
  }
  response.on('close', onClose)
  // It may have left while its body was read: then nobody tells any more.
  if (response.destroyed) stop('gone')
  const timer = setTimeout(stop, options.timeoutMs, 'timeout')
  let flushing: NodeJS.Immediate | undefined
  const seen = { ...nothingSeen }
  const startMono = clock.monoMs()
  let callerMs = 0
  const drained = async (): Promise<void> => {
    const fromMono = clock.monoMs()
    try {
      await once(response, 'drain', { signal })
    } finally {
      callerMs += clock.monoMs() - fromMono
    }
  }
  const ended = (how: Forwarded['ended'], errorClass: string | null): Forwarded => ({ ended: how, errorClass, ...seen })
  try {
    const upstream = await ask(options, signal)
    // The types know only the parsed form.
    const headers = upstream.headers as unknown as readonly string[]
    seen.status = upstream.statusCode
    seen.streamed = isEventStream(headerValue(headers, 'content-type') ?? '')
    seen.contentEncoding = headerValue(headers, 'content-encoding') ?? ''
    seen.quotaRemaining = quotaOf(headers)
    response.sendDate = false
    response.writeHead(upstream.statusCode, upstream.statusText, options.headersDown(headers))
    // With the first of the body where that is there, since a packet of its own costs as much as the rest; else alone, at once.
    flushing = setImmediate(() => response.flushHeaders())
    for await (const chunk of upstream.body as AsyncIterable<Uint8Array>) {
      seen.begun = true
      options.onChunk(chunk)
      if (!response.write(chunk)) await drained()
    }
    response.end()
    return ended('complete', statusFailure(upstream.statusCode))
  } catch {
    if (stopped.why === 'gone') return ended('client_gone', null)
    if (response.headersSent) response.destroy()
    const stalled = callerMs > (clock.monoMs() - startMono) / 2
    if (stopped.why === 'timeout')
      return stalled ? ended('client_stalled', 'client_stalled') : ended('timeout', 'timeout')
    return seen.status === null ? ended('unreachable', 'connection') : ended('upstream_broken', 'truncated')
  } finally {
    clearTimeout(timer)
    clearImmediate(flushing)
    response.off('close', onClose)
  }
}

const firstPauseMs = 100
/** A provider that wants a longer pause than this is not waited for: the caller hears what it said. */
const pauseMsMax = 2_000

/** Asks until there is an answer to pass on, or none is to be had. */
async function ask(options: ForwardOptions, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  const { urls, retry, body } = options
  for (let attempt = 0; ; attempt += 1) {
    // What was streamed is gone.
    const again = retry !== null && attempt < retry.max && (body === null || body instanceof Uint8Array) ? retry : null
    // Another address need not be waited for.
    let pauseMs = urls.length > 1 ? 0 : firstPauseMs * 2 ** attempt
    try {
      const upstream = await upstreamRequest(urls[attempt % urls.length] ?? urls[0], {
        method: options.method as Dispatcher.HttpMethod,
        dispatcher: options.agent,
        headers: options.headers,
        body,
        signal,
        responseHeaders: 'raw',
      })
      const why = retryReason(upstream.statusCode)
      if (again === null || why === null || !again.on.includes(why)) return upstream
      const asked = headerValue(upstream.headers as unknown as readonly string[], 'retry-after') ?? undefined
      pauseMs = Math.max(pauseMs, urls.length > 1 ? 0 : (parseRetryAfter(asked, options.clock.nowMs()) ?? 0))
      if (pauseMs > pauseMsMax) return upstream
      await upstream.body.dump({ limit: 65_536, signal })
      again.onRetry(why)
    } catch (error) {
      if (again === null || signal.aborted || !neverConnected(error) || !again.on.includes('connection')) throw error
      again.onRetry('connection')
    }
    await delay(pauseMs, undefined, { signal })
  }
}

function retryReason(status: number): RetryReason | null {
  if (status === 429) return 'rate_limited'
  if (status === 503 || status === 529) return 'overloaded'
  return status >= 500 ? 'provider_5xx' : null
}

export const nothingSeen: {
  status: number | null
  begun: boolean
  streamed: boolean
  contentEncoding: string
  quotaRemaining: number | null
} = { status: null, begun: false, streamed: false, contentEncoding: '', quotaRemaining: null }

function headerValue(headers: readonly string[], name: string): string | null {
  for (let index = 0; index < headers.length; index += 2)
    if (headers[index]?.toLowerCase() === name) return headers[index + 1] ?? null
  return null
}

/** Share of the provider's rate limit that is left, by its headers; null when it does not say. */
function quotaOf(headers: readonly string[]): number | null {
  const number = (name: string) => Number.parseFloat(headerValue(headers, name) ?? '')
  const shares = limitHeaders.flatMap((name) => {
    const [limit, remaining] = [number(name('limit')), number(name('remaining'))]
    return limit > 0 && Number.isFinite(remaining) ? [remaining / limit] : []
  })
  return shares.length === 0 ? null : Math.min(1, Math.max(0, Math.min(...shares)))
}

const limitHeaders: readonly ((what: 'limit' | 'remaining') => string)[] = [
  ...['requests', 'tokens'].map((of) => (what: string) => `x-ratelimit-${what}-${of}`),
  ...['requests', 'tokens', 'input-tokens', 'output-tokens'].map(
    (of) => (what: string) => `anthropic-ratelimit-${of}-${what}`,
  ),
]
