import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { keyHeader, type ProviderApi } from '../platform/model-api/provider-settings.ts'
import type { RoutingFile } from './config.ts'

export type Tenant = RoutingFile['tenants'][number]

export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}

/** Without the question mark. */
export function queryOf(request: IncomingMessage): string {
  return (request.url ?? '').slice(pathOf(request).length + 1)
}

const idBytes = 16
/** Asking for random bytes costs the same for one id as for many. */
const mint = { bytes: Buffer.alloc(0), at: 0 }
const idsAtOnce = 256

/** 32 hex digits, minted here: agents reuse trace ids and clients repeat theirs. */
export function mintExchangeId(): string {
  if (mint.at === mint.bytes.length) {
    mint.bytes = randomBytes(idBytes * idsAtOnce)
    mint.at = 0
  }
  mint.at += idBytes
  return mint.bytes.toString('hex', mint.at - idBytes, mint.at)
}

/** The tenant whose token the caller presented, as either API's clients do; null when it is nobody's. Compares digests in constant time. */
export function authenticate(headers: IncomingHttpHeaders, tenants: readonly Tenant[]): Tenant | null {
  const given = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? headerOf(headers, 'x-api-key') ?? ''
  const digest = hash('sha256', given, 'buffer')
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
  const hashedSession = session === null ? null : keyedHash(key, 'session', `${tenant}\u001f${session}`)
  const unit = stickyUnit(headers, stickyKey, tenant, key) ?? hashedSession ?? keyedHash(key, 'exchange', exchangeId)
  return { session: hashedSession, unit }
}

/** By a sticky key other than the session; null where the caller does not say it. */
function stickyUnit(headers: IncomingHttpHeaders, stickyKey: string, tenant: string, key: string): string | null {
  if (stickyKey === 'tenant') return keyedHash(key, 'tenant', tenant)
  const user = stickyKey === 'user' ? headerOf(headers, 'x-penstock-user') : null
  return user === null ? null : keyedHash(key, 'user', `${tenant}\u001f${user}`)
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

const turnMax = 2 ** 31 - 1

/** Position of the request in its session as the caller says it, from 0; null for what is no such number, 0 where nothing is said. */
export function turnOf(headers: IncomingHttpHeaders): number | null {
  const text = headerOf(headers, 'x-penstock-turn') ?? '0'
  const turn = Number(text)
  return /^\d{1,10}$/.test(text) && turn <= turnMax ? turn : null
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
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

/** Callers' credentials for this gateway: the provider gets its own. */
const callersCredentials = new Set(['authorization', 'api-key', 'x-api-key', 'cookie', 'proxy-authorization'])

/** Vendors name their keys as they like: whatever sounds like a credential is one. A harmless header less in the record costs nothing. */
const soundsSecret = /auth|token|secret|key|cookie|credential|passw|signature|session|jwt|assertion/i

/** Headers that one connection alone is about: the standard ones and those that `Connection` names. */
function connectionNames(connection: string): ReadonlySet<string> {
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}

/** Headers for the provider: the caller's without hop-by-hop ones, its credential and ours, plus the provider's key and the exchange id. */
export function upstreamHeaders(
  headers: IncomingHttpHeaders,
  exchangeId: string,
  provider: { readonly api: ProviderApi; readonly key: string | null },
): Record<string, string | string[]> {
  const named = connectionNames(headers.connection ?? '')
  const result: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    const ours = hopByHop.has(name) || named.has(name) || callersCredentials.has(name) || name.startsWith('x-penstock-')
    if (!ours && value !== undefined) result[name] = value
  }
  return { ...result, 'x-request-id': exchangeId, ...keyHeader(provider.api, provider.key) }
}

/** Headers for the caller, names and values in turn: as the provider wrote them, without hop-by-hop ones, plus the exchange's id. */
export function downstreamHeaders(headers: readonly string[], exchangeId: string): string[] {
  const pairs = Array.from({ length: headers.length / 2 }, (_, index) => [
    headers[2 * index] ?? '',
    headers[2 * index + 1] ?? '',
  ])
  const connection = pairs.flatMap(([name = '', value]) => (name.toLowerCase() === 'connection' ? [value] : []))
  const named = connectionNames(connection.join(','))
  const kept = pairs.filter(([name = '']) => {
    const lower = name.toLowerCase()
    return lower === 'content-length' || !(hopByHop.has(lower) || named.has(lower))
  })
  return [...kept.flat(), 'x-penstock-exchange', exchangeId]
}

/** Headers as they are captured: without credentials, and without ours, which name sessions and users in clear. */
export function capturedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || soundsSecret.test(name) || name.startsWith('x-penstock-')) continue
    result[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return result
}
