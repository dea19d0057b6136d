import type { Ack, Records } from '../domain/events/records.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type { Producer } from '../platform/kafka/transport.ts'
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
  readonly control: ControlState
  readonly clock: Clock
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
        const applied = deps.control.applied(route)
        const text = JSON.stringify(applied)
        const changed = said.get(route) !== text
        if (!changed && !all) continue
        const nowMs = deps.clock.nowMs()
        if (changed) appliedAt.set(route, nowMs)
        said.set(route, text)
        const unknown = deps.control.split(route)?.variants.find((variant) => !deps.providers.has(variant.provider))
        const share = shares.get(route)
        shares.delete(route)
        deps.emit({
          router: deps.router,
          route,
          epoch: applied.epoch,
          brakes: applied.brakes,
          lease: applied.lease,
          outcome: unknown === undefined ? 'applied' : 'rejected',
          code: unknown === undefined ? null : 'UNKNOWN_PROVIDER',
          observed_candidate_share: share === undefined ? null : share.candidate / share.all,
          applied_at: appliedAt.get(route) ?? nowMs,
          sent_at: nowMs,
        })
      }
    },
  }
}

/** Sends acks without ever waiting for them: what is not acknowledged is said again within ten seconds. */
export function ackEmitter(producer: () => Producer | null, codec: () => Codec<Records> | null): (ack: Ack) => void {
  return (ack) => {
    const value = codec()?.encode('Ack', ack)
    if (value === undefined) return
    producer()
      ?.send([{ topic: topics.acks.name, key: ack.router, value }])
      .catch(() => undefined)
  }
}
