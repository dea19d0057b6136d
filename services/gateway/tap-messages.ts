import type { Arm, Assignment, Place, Resolution } from '../domain/events/records.ts'

/** What the proxy loop tells the tap's worker. Bodies are raw bytes: nothing is parsed or encoded on the loop that proxies. */
export type TapMessage =
  | {
      readonly kind: 'request'
      readonly id: string
      readonly request: TapRequest
      readonly body: Uint8Array | null
      readonly dropped: number
    }
  | { readonly kind: 'chunk'; readonly id: string; readonly data: Uint8Array; readonly atMs: number }
  | { readonly kind: 'end'; readonly id: string; readonly end: TapEnd }
  | { readonly kind: 'stop' }

/** What the worker answers: bytes that it has let go of, and counts. */
export type TapReply =
  | { readonly kind: 'freed'; readonly bytes: number }
  | { readonly kind: 'lost'; readonly records: number }
  | { readonly kind: 'state'; readonly connected: boolean }
  | { readonly kind: 'stopped' }

export interface TapRequest {
  readonly route: string
  readonly operation: string
  readonly tenant: string
  readonly session: string | null
  readonly unit: string
  readonly segments: Readonly<Record<string, string>>
  readonly arrivedAtMs: number
  readonly arm: Arm
  readonly assignment: Assignment
  readonly place: Place | null
  readonly headers: Readonly<Record<string, string>>
  readonly capture: 'full' | 'redacted' | 'metadata'
  readonly promptId: string | null
  readonly promptVersion: string | null
  readonly goldenRef: string | null
  readonly traceparent: string | null
  readonly clientRequestId: string | null
  readonly turn: number
  readonly provider: string
  readonly model: string
}

export interface TapEnd {
  readonly resolution: Resolution
  readonly errorClass: string | null
  readonly status: number | null
  readonly streamed: boolean
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** Body chunks were left out because the tap was full. */
  readonly truncated: boolean
  readonly quotaRemaining: number | null
}

/** What the worker is started with. */
export interface TapWorkerOptions {
  readonly brokers: string
  readonly topicPrefix: string
  readonly registryUrl: string
  readonly stateDir: string
  readonly pseudonymKey: string
}
