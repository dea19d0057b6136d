import type { Ack, Records, Split } from '../domain/events/records.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type { Producer } from '../platform/kafka/transport.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { ControlState } from './control-state.ts'

/** Tells what this router applies: at each change and every ten seconds. */
export interface Acks {
  onAssigned(route: string, arm: 'baseline' | 'candidate'): void
  /** Sends what has changed since the last ack, or everything when `all`. */
  send(all: boolean): void
}

export function createAcks(deps: {
  readonly router: string
  readonly providers: ReadonlySet<string>
  /** Ids of the routes that callers can ask for here. */
  readonly routes: ReadonlySet<string>
  /** Whether the gateway has a variant's prompt, or its callers send their own. */
  hasPrompt(route: string, version: string | null): boolean
  readonly control: ControlState
  readonly clock: Clock
  readonly log: Logger
  emit(ack: Ack): void
}): Acks {
  const said = new Map<string, string>()
  const appliedAt = new Map<string, number>()
  const shares = new Map<string, { candidate: number; all: number }>()
  return {
    onAssigned(route, arm) {
      const share = shares.get(route) ?? { candidate: 0, all: 0 }
      shares.set(route, share)
      share.all += 1
      if (arm === 'candidate') share.candidate += 1
    },
    send(all) {
      for (const route of deps.control.routes) {
        const split = deps.control.split(route)
        if (split === null || !concerns(deps, split)) continue
        const applied = deps.control.applied(route)
        const text = JSON.stringify(applied)
        const changed = said.get(route) !== text
        if (!changed && !all) continue
        const nowMs = deps.clock.nowMs()
        if (changed) appliedAt.set(route, nowMs)
        said.set(route, text)
        const code = refusalOf(deps, split)
        if (changed && code !== null)
          deps.log.error(
            { route, epoch: applied.epoch, code },
            'a split cannot be served as it says; acked as rejected',
          )
        const share = shares.get(route)
        shares.delete(route)
        deps.emit({
          router: deps.router,
          route,
          epoch: applied.epoch,
          brakes: applied.brakes,
          lease: applied.lease,
          outcome: code === null ? 'applied' : 'rejected',
          code,
          observed_candidate_share: share === undefined ? null : share.candidate / share.all,
          applied_at: appliedAt.get(route) ?? nowMs,
          sent_at: nowMs,
        })
      }
    },
  }
}

interface Served {
  readonly router: string
  readonly providers: ReadonlySet<string>
  readonly routes: ReadonlySet<string>
  hasPrompt(route: string, version: string | null): boolean
}

/** Other gateways serve other routes; of these this one has nothing to say, unless a split counts on it. */
function concerns({ router, routes }: Served, split: Split): boolean {
  return routes.has(split.route) || split.routers.includes(router)
}

/** Why this gateway cannot serve every variant of a split; null when it can. */
function refusalOf({ providers, routes, hasPrompt }: Served, split: Split): string | null {
  if (!routes.has(split.route)) return 'UNKNOWN_ROUTE'
  if (!split.variants.some(({ id }) => id === split.default_variant)) return 'UNKNOWN_VARIANT'
  if (!split.variants.every(({ provider }) => providers.has(provider))) return 'UNKNOWN_PROVIDER'
  return split.variants.every(({ prompt_version }) => hasPrompt(split.route, prompt_version)) ? null : 'UNKNOWN_PROMPT'
}

/**
 * Sends acks without ever waiting for them, one at a time. While the broker is away only the latest of each route is kept: what a router applied
 * meanwhile is of no use to anybody, and what it applies now is what the broker hears first.
 */
export function ackEmitter(producer: Producer, codec: () => Codec<Records> | null): (ack: Ack) => void {
  const latest = new Map<string, Ack>()
  let sending = false
  const next = () => {
    const opened = codec()
    const [route, ack] = [...latest][0] ?? []
    if (sending || opened === null || route === undefined || ack === undefined) return
    latest.delete(route)
    sending = true
    producer
      .send([{ topic: topics.acks.name, key: ack.router, value: opened.encode('Ack', ack) }])
      // A topic that is not there yet: the next ack says it again.
      .catch(() => undefined)
      .finally(() => {
        sending = false
        next()
      })
  }
  return (ack) => {
    latest.set(ack.route, ack)
    next()
  }
}
