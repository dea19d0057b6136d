import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { RoutingFile } from './config.ts'

export type Tenant = RoutingFile['tenants'][number]

/** 32 hex digits, minted here: agents reuse trace ids and clients repeat theirs. */
export function mintExchangeId(): string {
  return randomBytes(16).toString('hex')
}

/** The tenant whose token the caller presented; null when it is nobody's. Compares digests in constant time. */
export function authenticate(headers: IncomingHttpHeaders, tenants: readonly Tenant[]): Tenant | null {
  const given = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
  const digest = createHash('sha256').update(given).digest()
  let found: Tenant | null = null
  for (const tenant of tenants) if (timingSafeEqual(digest, Buffer.from(tenant.tokenSha256, 'hex'))) found = tenant
  return found
}

/** Keyed hash of an identity: what leaves the gateway names nobody. */
function keyedHash(key: string, kind: string, value: string): string {
  return createHmac('sha256', key).update(`${kind}\u001f${value}`).digest('hex').slice(0, 32)
}

export interface Identity {
  readonly session: string | null
  /** What stickiness goes by: the split's sticky key, else the session, else the exchange alone. */
  readonly unit: string
}

/** Session and sticky unit from the caller's headers, hashed. */
export function identify(
  headers: IncomingHttpHeaders,
  stickyKey: string,
  tenant: string,
  exchangeId: string,
  key: string,
): Identity {
  const session = headerOf(headers, 'x-penstock-session')
  const user = headerOf(headers, 'x-penstock-user')
  const hashedSession = session === null ? null : keyedHash(key, 'session', `${tenant}\u001f${session}`)
  const byKey: Readonly<Record<string, string | null>> = {
    session: hashedSession,
    user: user === null ? null : keyedHash(key, 'user', `${tenant}\u001f${user}`),
    tenant: keyedHash(key, 'tenant', tenant),
  }
  return { session: hashedSession, unit: byKey[stickyKey] ?? hashedSession ?? keyedHash(key, 'exchange', exchangeId) }
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
])
const credentials = new Set(['authorization', 'api-key', 'x-api-key', 'cookie', 'set-cookie', 'proxy-authorization'])

/** Headers for the provider: the caller's without hop-by-hop ones, its credential and ours, plus the provider's key and the exchange id. */
export function upstreamHeaders(
  headers: IncomingHttpHeaders,
  exchangeId: string,
  apiKey: string | null,
): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(
    ([name, value]) =>
      value !== undefined && !hopByHop.has(name) && !credentials.has(name) && !name.startsWith('x-penstock-'),
  )
  const result: Record<string, string | string[]> = {
    ...(Object.fromEntries(kept) as Record<string, string | string[]>),
    'x-request-id': exchangeId,
  }
  if (apiKey !== null) result['authorization'] = `Bearer ${apiKey}`
  return result
}

/** Headers for the caller: as the provider sent them, without hop-by-hop ones. */
export function downstreamHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  exchangeId: string,
): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && (name === 'content-length' || !hopByHop.has(name)),
  )
  return { ...(Object.fromEntries(kept) as Record<string, string | string[]>), 'x-penstock-exchange': exchangeId }
}

/** Headers as they are captured: without credentials. */
export function capturedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !credentials.has(name))
  return Object.fromEntries(
    kept.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}
