import type { AnalysisPlan } from '../gate/plan.ts'
import type { GoldenEntry } from '../rollout/spec.ts'
import type { Price } from '../scoring/leg-facts.ts'

/** What the join has to know of a run: its plan and its golden answers. */
export interface RunFacts {
  readonly plan: AnalysisPlan
  golden(ref: string | null, promptHash: string | null): GoldenEntry | null
  price(arm: 'baseline' | 'candidate'): Price
}
