import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { type Agent, request as upstreamRequest } from 'undici'
import type { Clock } from '../domain/time/clock.ts'

export interface ForwardOptions {
  readonly agent: Agent
  readonly url: string
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
  const gone = new AbortController()
  const onClose = () => {
    if (!response.writableFinished) gone.abort()
  }
  response.on('close', onClose)
  // It may have left while its body was read: then nobody tells any more.
  if (response.destroyed) gone.abort()
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = AbortSignal.any([timeout, gone.signal])
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
    const upstream = await upstreamRequest(options.url, {
      method: options.method,
      dispatcher: options.agent,
      headers: options.headers,
      body: options.body,
      signal,
      responseHeaders: 'raw',
    })
    // The types know only the parsed form.
    const headers = upstream.headers as unknown as readonly string[]
    seen.status = upstream.statusCode
    seen.streamed = (headerValue(headers, 'content-type') ?? '').toLowerCase().startsWith('text/event-stream')
    seen.contentEncoding = headerValue(headers, 'content-encoding') ?? ''
    seen.quotaRemaining = quotaOf(headers)
    response.sendDate = false
    response.writeHead(upstream.statusCode, upstream.statusText, options.headersDown(headers))
    response.flushHeaders()
    for await (const chunk of upstream.body as AsyncIterable<Uint8Array>) {
      seen.begun = true
      options.onChunk(chunk)
      if (!response.write(chunk)) await drained()
    }
    response.end()
    return ended('complete', statusClass(upstream.statusCode))
  } catch {
    if (gone.signal.aborted) return ended('client_gone', null)
    if (response.headersSent) response.destroy()
    const stalled = callerMs > (clock.monoMs() - startMono) / 2
    if (timeout.aborted) return stalled ? ended('client_stalled', 'client_stalled') : ended('timeout', 'timeout')
    return seen.status === null ? ended('unreachable', 'connection') : ended('upstream_broken', 'truncated')
  } finally {
    response.off('close', onClose)
  }
}

export const nothingSeen: {
  status: number | null
  begun: boolean
  streamed: boolean
  contentEncoding: string
  quotaRemaining: number | null
} = { status: null, begun: false, streamed: false, contentEncoding: '', quotaRemaining: null }

function statusClass(status: number): string | null {
  if (status < 400) return null
  if (status === 429) return 'rate_limited'
  return status >= 500 ? 'provider_5xx' : 'provider_4xx'
}

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
