import type { Arm, Place } from '../../services/domain/events/records.ts'
import type { LegFacts } from '../../services/domain/scoring/leg-facts.ts'

export const startMs = 1_800_000_000_000
export const fullWeight = 100_000

/** A leg that was answered at once, as most are. */
export const answered: Omit<LegFacts, 'arm' | 'leg'> = {
  resolution: 'answered',
  durationMs: 800,
  ttftMs: 200,
  inputTokens: 100,
  outputTokens: 100,
  costMicroUsd: 100,
  refused: false,
  lengthChars: 400,
  exactHash: '',
  normalisedHash: '',
  sketch: null,
  goldenWrong: null,
  hasOutput: true,
  isWhole: true,
}

/** What is other than `answered`. */
export type LegChange = Partial<typeof answered>

/** content_ab: live against shadow. shadow_ab: both in the shadow. aa: the baseline against itself. */
export type PairComparison = 'content_ab' | 'shadow_ab' | 'aa'

export interface PairOptions {
  readonly segments?: Readonly<Record<string, string>>
  readonly inclusionP?: number
  /** What the pair looked like at first. It is corrected before its outcomes are final, or `late`, after they have entered. */
  readonly first?: { readonly baseline: LegChange; readonly candidate: LegChange; readonly late: boolean }
}

/** What a world tells of itself, in virtual time: to the gate, or to a rule that the gate does not use. */
export interface Traffic {
  readonly nowMs: number
  /** The candidate's share of the units of this stage. */
  readonly share: number
  /** The next stage entry, at another weight. */
  enterStage(weight: number): void
  /** A live exchange of one unit; `place` for rules of their own. */
  live(arm: Arm, unit: string, leg: LegChange, place?: Partial<Place>): void
  pair(comparison: PairComparison, unit: string, baseline: LegChange, candidate: LegChange, options?: PairOptions): void
  wait(ms: number): void
  /** Somebody asks for the answer. */
  look(): void
  /** Whoever decides dies and comes back. */
  restart(): void
}
