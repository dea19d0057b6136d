import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Agent, request as upstreamRequest } from 'undici'

export interface ForwardOptions {
  readonly agent: Agent
  readonly url: string
  readonly headers: Record<string, string | string[]>
  readonly body: Buffer
  readonly timeoutMs: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
  headersDown(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | string[]>
  onChunk(chunk: Uint8Array): void
}

export interface Forwarded {
  readonly ended: 'complete' | 'client_gone' | 'timeout' | 'upstream_broken' | 'unreachable'
  readonly status: number | null
  /** The first byte of the answer had come. */
  readonly begun: boolean
  readonly streamed: boolean
  readonly errorClass: string | null
  readonly quotaRemaining: number | null
}

/**
 * Passes one call on and its answer back, chunk by chunk, no faster than the caller reads. A caller that leaves cancels the provider's work; a
 * provider that breaks off breaks the caller's connection too, so that a half answer never looks whole.
 */
export async function forward(options: ForwardOptions): Promise<Forwarded> {
  const { response } = options
  const gone = new AbortController()
  const onClose = () => {
    if (!response.writableFinished) gone.abort()
  }
  response.on('close', onClose)
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const seen = { status: null as number | null, begun: false, streamed: false, quotaRemaining: null as number | null }
  const ended = (how: Forwarded['ended'], errorClass: string | null): Forwarded => ({ ended: how, errorClass, ...seen })
  try {
    const upstream = await upstreamRequest(options.url, {
      method: 'POST',
      dispatcher: options.agent,
      headers: options.headers,
      body: options.body,
      signal: AbortSignal.any([timeout, gone.signal]),
    })
    seen.status = upstream.statusCode
    seen.streamed = String(upstream.headers['content-type'] ?? '').startsWith('text/event-stream')
    seen.quotaRemaining = quotaOf(upstream.headers)
    response.writeHead(upstream.statusCode, options.headersDown(upstream.headers))
    response.flushHeaders()
    for await (const chunk of upstream.body as AsyncIterable<Uint8Array>) {
      seen.begun = true
      options.onChunk(chunk)
      if (!response.write(chunk)) await once(response, 'drain', { signal: gone.signal })
    }
    response.end()
    return ended('complete', statusClass(upstream.statusCode))
  } catch {
    if (gone.signal.aborted) return ended('client_gone', null)
    if (timeout.aborted) {
      if (response.headersSent) response.destroy()
      return ended('timeout', 'timeout')
    }
    if (seen.status === null) return ended('unreachable', 'connection')
    response.destroy()
    return ended('upstream_broken', 'truncated')
  } finally {
    response.off('close', onClose)
  }
}

function statusClass(status: number): string | null {
  if (status < 400) return null
  if (status === 429) return 'rate_limited'
  return status >= 500 ? 'provider_5xx' : 'provider_4xx'
}

/** Share of the provider's rate limit that is left, by its headers; null when it does not say. */
function quotaOf(headers: Readonly<Record<string, string | string[] | undefined>>): number | null {
  const shares = (['requests', 'tokens'] as const).flatMap((what) => {
    const remaining = Number(headers[`x-ratelimit-remaining-${what}`])
    const limit = Number(headers[`x-ratelimit-limit-${what}`])
    return limit > 0 && Number.isFinite(remaining) ? [remaining / limit] : []
  })
  return shares.length === 0 ? null : Math.max(0, Math.min(...shares))
}
