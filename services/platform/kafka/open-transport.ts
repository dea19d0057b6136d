import type { Scope } from '../lifecycle/scope.ts'
import type { BrokerSecurity } from './broker-security.ts'
import { createKafkajsTransport } from './kafkajs-transport.ts'
import { observeTransport } from './observed-transport.ts'
import type { Transport } from './transport.ts'

export interface BrokerSettings {
  readonly brokers: string
  readonly security: BrokerSecurity
  readonly topicPrefix: string
}

/** A service's transport on the real broker, observed, and closed when the scope stops. Nothing connects before it is used. */
export function openTransport(
  scope: Scope,
  { brokers, security, topicPrefix }: BrokerSettings,
  as: { readonly service: string; readonly clientId?: string; readonly behind: 'unready' | 'noted' },
): Transport {
  const { health, log } = scope
  const conditions = as.behind === 'unready' ? health : health.noting()
  const clientId = as.clientId ?? as.service
  const inner = createKafkajsTransport({
    clientId,
    brokers,
    security,
    topicPrefix,
    log,
    waits: (what, why) => conditions.waits(what, why),
  })
  scope.onStop('transport', () => inner.close())
  return observeTransport(inner, { scope, service: as.service, behind: as.behind })
}
