import type { FaultKind } from './model-server.ts'

/** One kind of fault at one size under one rate of traffic. */
export interface FaultCell {
  readonly kind: FaultKind
  /** Of the candidate's answers that are bad. */
  readonly share: number
  readonly perSecond: number
  /** How long a leg may take: of the bench, so that many runs fit into an hour, or a minute, as where a file says nothing. */
  readonly horizons: 'short' | 'default'
}

export const faultKinds: readonly FaultKind[] = ['errors', 'slow', 'truncated', 'wrong', 'refusals']

/** The canary's share of the users. */
export const canaryShare = 0.1
