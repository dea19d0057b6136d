import type { AnalysisPlan } from '../gate/plan.ts'
import type { GoldenEntry } from '../rollout/spec.ts'
import type { Price } from '../scoring/leg-facts.ts'

/** What the join has to know of a run: its plan and its golden answers. */
export interface RunFacts {
  readonly plan: AnalysisPlan
  /** Golden answers of the run are found by what was asked, so that it has to be known. */
  readonly goldenByPrompt: boolean
  golden(ref: string | null, promptHash: string | null): GoldenEntry | null
  price(arm: 'baseline' | 'candidate'): Price
}
