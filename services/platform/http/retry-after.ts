/** The pause that a Retry-After header asks for, ms: seconds or an HTTP date (RFC 9110, 10.2.3). Null when it is absent or says neither. */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | null {
  const text = typeof header === 'string' ? header.trim() : ''
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text) * 1_000
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}
