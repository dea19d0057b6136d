import type { Arm, Assignment, Place, Resolution } from '../domain/events/records.ts'
import type { Operation } from '../domain/sampling/operations.ts'
import type { VariantChange } from '../domain/sampling/variant-change.ts'
import type { BrokerSecurity } from '../platform/kafka/broker-security.ts'
import type { ExchangeFields } from '../platform/log/trace-fields.ts'
import type { Irregularity } from '../platform/model-api/answer.ts'

/** What the proxy loop tells the tap's worker. Bodies are raw bytes: nothing is parsed or encoded on the loop that proxies. */
export type TapMessage =
  | {
      readonly kind: 'request'
      readonly id: string
      readonly request: TapRequest
      /** Null: left out because the tap was full or the body larger than a record may be. */
      readonly body: Uint8Array | null
      readonly dropped: number
    }
  | { readonly kind: 'chunk'; readonly id: string; readonly data: Uint8Array; readonly atMs: number }
  | { readonly kind: 'end'; readonly id: string; readonly end: TapEnd }
  /** Asks for a sign of life. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'stop' }

/** What a record lost on its way: its body, or all of it. */
export type Lost = 'body' | 'record'

/** What a streamed answer did that its form does not allow; `truncated`: it ended before its end. */
export type Irregular = Irregularity | 'truncated'

/** What the worker answers. `settled`: both records of the exchange are acknowledged or lost, nothing of it is held any more. */
export type TapReply =
  | { readonly kind: 'settled'; readonly id: string }
  | { readonly kind: 'lost'; readonly what: Lost; readonly of: ExchangeFields }
  | { readonly kind: 'irregular'; readonly what: readonly Irregular[] }
  | { readonly kind: 'alive' }
  | { readonly kind: 'stopped' }

export interface TapRequest {
  readonly route: string
  readonly operation: Operation
  readonly tenant: string
  readonly session: string | null
  readonly unit: string
  readonly segments: Readonly<Record<string, string>>
  readonly arrivedAtMs: number
  readonly arm: Arm
  readonly assignment: Assignment
  readonly place: Place | null
  readonly headers: Readonly<Record<string, string>>
  readonly capture: Capture
  readonly promptId: string | null
  /** What the caller says that it asks with. */
  readonly promptVersion: string | null
  /** The version of the variant that serves; the caller's where the split names none. */
  readonly servedPromptVersion: string | null
  readonly goldenRef: string | null
  readonly traceparent: string | null
  readonly clientRequestId: string | null
  readonly turn: number
  readonly provider: string
  /** What the body was rewritten to before it went to the provider; null: it went as it came. */
  readonly rewrite: VariantChange | null
}

/**
 * How much of a tenant's exchanges leaves the gateway. `full`: all. `redacted`: texts with identities and keys replaced. `metadata`: headers, ids,
 * refusal and finish, no texts. `none`: only what counts an exchange, which harm must be seen by: arm, times, status, tokens.
 */
export type Capture = 'full' | 'redacted' | 'metadata' | 'none'

export interface TapEnd {
  readonly resolution: Resolution
  readonly errorClass: string | null
  readonly status: number | null
  readonly streamed: boolean
  readonly contentEncoding: string
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** Body chunks were left out because the tap was full. */
  readonly truncated: boolean
  readonly quotaRemaining: number | null
}

/** What the worker is started with. */
export interface TapWorkerOptions {
  readonly brokers: string
  readonly security: BrokerSecurity
  readonly topicPrefix: string
  readonly registryUrl: string
  readonly stateDir: string
  readonly pseudonymKey: string
  readonly logLevel: string
  /** Bytes of text that may wait for Kafka, see TapSenderDeps. */
  readonly waitingBytesMax: number
}
