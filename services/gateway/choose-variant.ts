import type { IncomingHttpHeaders } from 'node:http'
import type { Variant } from '../domain/events/records.ts'
import type { Routed } from '../domain/routing/effective.ts'
import type { GatewayConfig, RoutingFile } from './config.ts'
import type { ControlState } from './control-state.ts'
import { capturedHeaders, headerOf, identify, type Tenant, turnOf } from './request-context.ts'
import type { TapRequest } from './tap-messages.ts'

/** Where one request goes, and what the tap is told about it. */
export interface Chosen {
  readonly url: string
  readonly tapped: TapRequest
  /** What was not done as asked: a turn that is no number, a variant that this gateway cannot serve. */
  readonly oddities: readonly Oddity[]
}

export type Oddity = 'turn' | 'variant'

interface ChooseDeps {
  readonly config: Pick<GatewayConfig, 'routing' | 'hashKey'>
  readonly control: Pick<ControlState, 'split' | 'route'>
}

export interface Arrival {
  readonly exchangeId: string
  readonly atMs: number
  readonly headers: IncomingHttpHeaders
  /** Without the question mark. */
  readonly query: string
}

/** Null when the caller names a route that there is none of. */
export function chooseVariant(deps: ChooseDeps, arrival: Arrival, tenant: Tenant): Chosen | null {
  const { routing, hashKey } = deps.config
  const { exchangeId, atMs, headers, query } = arrival
  const wanted = headerOf(headers, 'x-penstock-route')
  const route = wanted === null ? routing.routes[0] : routing.routes.find((candidate) => candidate.id === wanted)
  if (route === undefined) return null
  const stickyKey = deps.control.split(route.id)?.sticky_key ?? 'session'
  const { session, unit } = identify(headers, stickyKey, tenant.id, exchangeId, hashKey)
  const asker = { tenant: tenant.id, segments: tenant.segments, unit }
  const { variant, routed, baseUrl, odd } = served(deps, route, asker)
  const turn = turnOf(headers)
  const promptVersion = headerOf(headers, 'x-penstock-prompt-version')
  return {
    url: completionsUrl(baseUrl, query),
    oddities: [...(turn === null ? (['turn'] as const) : []), ...(odd ? (['variant'] as const) : [])],
    tapped: {
      route: route.id,
      operation: 'chat.completions',
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
      rewrite: rewriteFor(route.default, variant),
    },
  }
}

type Route = RoutingFile['routes'][number]

interface Served {
  readonly variant: Variant
  readonly routed: Routed
  readonly baseUrl: string
  /** The split named a variant that this gateway cannot serve. */
  readonly odd: boolean
}

const unsplit: Routed = { arm: 'baseline', assignment: 'no_split', variant: null, place: null }

/**
 * The variant that the split says. One that the split does not describe, or whose provider this gateway does not know, is acked as rejected; the
 * split's default, else the configured one, serves meanwhile, outside of the experiment: an answer of one model is never booked to another.
 */
function served(deps: ChooseDeps, route: Route, asker: Parameters<ControlState['route']>[1]): Served {
  const { providers } = deps.config.routing
  const split = deps.control.split(route.id)
  const baseUrlOf = (provider: string) => providers.find(({ id }) => id === provider)?.baseUrl
  const find = (id: string | null, routed: Routed, odd: boolean): Served | null => {
    const variant = split?.variants.find((candidate) => candidate.id === id)
    const baseUrl = variant === undefined ? undefined : baseUrlOf(variant.provider)
    return variant === undefined || baseUrl === undefined ? null : { variant, routed, baseUrl, odd }
  }
  const routed = deps.control.route(route.id, asker)
  const odd = routed.variant !== null
  const asSaid = odd
    ? (find(routed.variant, routed, false) ?? find(split?.default_variant ?? null, unsplit, true))
    : null
  return (
    asSaid ?? {
      variant: { ...route.default, prompt_version: null, parameters: {} },
      routed: odd ? unsplit : routed,
      // The configuration was refused if this provider were missing.
      baseUrl: baseUrlOf(route.default.provider) ?? '',
      odd,
    }
  )
}

/** The route's own default passes byte for byte; any other variant needs its model and parameters in the body. */
function rewriteFor(passed: Route['default'], variant: Variant): TapRequest['rewrite'] {
  const asItCame =
    variant.id === passed.id && variant.model === passed.model && Object.keys(variant.parameters).length === 0
  return asItCame ? null : { model: variant.model, parameters: variant.parameters }
}

/** A provider's address may hold a query of its own (a version of its API); the caller's follows it. */
function completionsUrl(baseUrl: string, query: string): string {
  const url = new URL(baseUrl)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/chat/completions`
  url.search = [url.search.slice(1), query].filter((part) => part !== '').join('&')
  return url.href
}
