import type { IncomingHttpHeaders } from 'node:http'
import type { Variant } from '../domain/events/records.ts'
import type { Routed } from '../domain/routing/effective.ts'
import { type Operation, operationPaths } from '../domain/sampling/operations.ts'
import type { Prompt } from '../domain/sampling/prompt.ts'
import type { VariantChange } from '../domain/sampling/variant-change.ts'
import { promptOf } from '../platform/model-api/prompt-settings.ts'
import { serves } from '../platform/model-api/provider-settings.ts'
import type { GatewayConfig, RoutingFile } from './config.ts'
import type { ControlState } from './control-state.ts'
import { capturedHeaders, headerOf, identify, type Tenant, turnOf } from './request-context.ts'
import type { TapRequest } from './tap-messages.ts'

/** Where one request goes, and what the tap is told about it. */
export interface Chosen {
  readonly kind: 'chosen'
  /** The provider's address, and those of its fallbacks. */
  readonly urls: readonly [string, ...string[]]
  readonly provider: Provider
  readonly tapped: TapRequest
  /** What was not done as asked: a turn that is no number, a variant that this gateway cannot serve. */
  readonly oddities: readonly Oddity[]
}

export type Oddity = 'turn' | 'variant'

/** The caller names a route that there is none of, or one whose providers do not have the operation. */
export type NotChosen = { readonly kind: 'unknown_route' } | { readonly kind: 'unserved'; readonly route: string }

type Provider = RoutingFile['providers'][number]

interface ChooseDeps {
  readonly config: Pick<GatewayConfig, 'routing' | 'prompts' | 'hashKey'>
  readonly control: Pick<ControlState, 'split' | 'route'>
}

export interface Arrival {
  readonly exchangeId: string
  readonly atMs: number
  readonly headers: IncomingHttpHeaders
  /** Without the question mark. */
  readonly query: string
}

export function chooseVariant(
  deps: ChooseDeps,
  operation: Operation,
  arrival: Arrival,
  tenant: Tenant,
): Chosen | NotChosen {
  const { exchangeId, atMs, headers, query } = arrival
  const route = routeOf(deps, headers)
  if (route === undefined) return { kind: 'unknown_route' }
  const stickyKey = deps.control.split(route.id)?.sticky_key ?? 'session'
  const { session, unit } = identify(headers, stickyKey, tenant.id, exchangeId, deps.config.hashKey)
  const asker = { tenant: tenant.id, segments: tenant.segments, unit }
  const chosen = served(deps, route, operation, asker)
  if (chosen === null) return { kind: 'unserved', route: route.id }
  const { variant, prompt, routed, provider, odd } = chosen
  const urlAt = (baseUrl: string) => providerUrl(baseUrl, operationPaths[operation], query)
  const turn = turnOf(headers)
  const promptVersion = headerOf(headers, 'x-penstock-prompt-version')
  return {
    kind: 'chosen',
    urls: [urlAt(provider.baseUrl), ...(provider.retries?.fallbackUrls ?? []).map(urlAt)],
    provider,
    oddities: [...(turn === null ? (['turn'] as const) : []), ...(odd ? (['variant'] as const) : [])],
    tapped: {
      route: route.id,
      operation,
      tenant: tenant.id,
      segments: tenant.segments,
      capture: tenant.capture,
      session,
      unit,
      turn: turn ?? 0,
      arrivedAtMs: atMs,
      arm: routed.arm,
      assignment: routed.assignment,
      place: routed.place,
      headers: capturedHeaders(headers),
      promptId: headerOf(headers, 'x-penstock-prompt-id'),
      promptVersion,
      servedPromptVersion: variant.prompt_version ?? promptVersion,
      goldenRef: headerOf(headers, 'x-penstock-golden'),
      traceparent: headerOf(headers, 'traceparent'),
      clientRequestId: headerOf(headers, 'x-request-id'),
      provider: variant.provider,
      rewrite: rewriteFor(route.default, variant, prompt, operation),
    },
  }
}

/** Where a call goes that is neither split nor captured: to the provider of what the route serves by default. Null when there is no such route. */
export function chooseDefault(
  deps: ChooseDeps,
  headers: IncomingHttpHeaders,
  below: { readonly path: string; readonly query: string },
): { readonly url: string; readonly provider: Provider } | null {
  const route = routeOf(deps, headers)
  if (route === undefined) return null
  const split = deps.control.split(route.id)
  const byDefault = split?.variants.find(({ id }) => id === split.default_variant)
  const provider = providerNamed(deps, byDefault?.provider ?? '') ?? providerNamed(deps, route.default.provider)
  return provider === undefined ? null : { url: providerUrl(provider.baseUrl, below.path, below.query), provider }
}

type Route = RoutingFile['routes'][number]

function routeOf({ config }: ChooseDeps, headers: IncomingHttpHeaders): Route | undefined {
  const { routes } = config.routing
  const wanted = headerOf(headers, 'x-penstock-route')
  return wanted === null ? routes[0] : routes.find((candidate) => candidate.id === wanted)
}

function providerNamed({ config }: ChooseDeps, name: string): Provider | undefined {
  return config.routing.providers.find(({ id }) => id === name)
}

interface Served {
  readonly variant: Variant
  readonly prompt: Prompt | null
  readonly routed: Routed
  readonly provider: Provider
  /** The split named a variant that this gateway cannot serve. */
  readonly odd: boolean
}

const unsplit: Routed = { arm: 'baseline', assignment: 'no_split', variant: null, place: null }

/**
 * The variant that the split says. One that the split does not describe, whose provider or prompt this gateway does not know (acked as rejected), or
 * whose provider does not have the operation, does not serve: the split's default, else the configured one, does meanwhile, outside of the experiment. An answer of one model
 * is never booked to another. Null when none of them has the operation.
 */
function served(
  deps: ChooseDeps,
  route: Route,
  operation: Operation,
  asker: Parameters<ControlState['route']>[1],
): Served | null {
  const split = deps.control.split(route.id)
  const able = (name: string) => {
    const provider = providerNamed(deps, name)
    return provider !== undefined && serves(provider, operation) ? provider : undefined
  }
  const find = (id: string | null, routed: Routed, odd: boolean): Served | null => {
    const variant = split?.variants.find((candidate) => candidate.id === id)
    const provider = variant === undefined ? undefined : able(variant.provider)
    if (variant === undefined || provider === undefined) return null
    const prompt = promptOf(deps.config.prompts[route.id], variant.prompt_version)
    return prompt === 'unknown' ? null : { variant, prompt, routed, provider, odd }
  }
  const routed = deps.control.route(route.id, asker)
  const odd = routed.variant !== null
  const asSaid = odd
    ? (find(routed.variant, routed, false) ?? find(split?.default_variant ?? null, unsplit, true))
    : null
  if (asSaid !== null) return asSaid
  const provider = able(route.default.provider)
  if (provider === undefined) return null
  const { promptVersion: prompt_version = null, ...model } = route.default
  const prompt = promptOf(deps.config.prompts[route.id], prompt_version)
  // The configuration was refused if this prompt were missing.
  if (prompt === 'unknown') return null
  const variant = { ...model, prompt_version, parameters: {} }
  return { variant, prompt, routed: odd ? unsplit : routed, provider, odd }
}

/** The route's own default passes byte for byte; any other variant needs its model, parameters and prompt in the body. */
function rewriteFor(
  passed: Route['default'],
  { id, model, parameters }: Variant,
  prompt: Prompt | null,
  operation: Operation,
): VariantChange | null {
  const asItCame = id === passed.id && model === passed.model && prompt === null && Object.keys(parameters).length === 0
  return asItCame ? null : { operation, model, parameters, prompt }
}

/** A provider's address may hold a query of its own (a version of its API); the caller's follows it. */
function providerUrl(baseUrl: string, path: string, query: string): string {
  const url = new URL(baseUrl)
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
  url.search = [url.search.slice(1), query].filter((part) => part !== '').join('&')
  return url.href
}
