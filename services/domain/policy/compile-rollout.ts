import { compilePlan } from '../gate/compile-plan.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import type { GoldenChunk, RolloutSpec } from '../rollout/spec.ts'
import { sliceOutsideWave } from './critical-slices.ts'
import { goldenSet } from './golden-set.ts'
import type { PolicyProblem, RolloutDocument } from './rollout-document.ts'
import { budgetProblem } from './shadow-calls.ts'
import { specFromDocument } from './spec-from-document.ts'

/** A rollout file that may be started, or every reason why not: in the file (by path) or in its golden set (by line). */
export type CompiledRollout =
  | {
      readonly kind: 'compiled'
      readonly spec: RolloutSpec
      readonly plan: AnalysisPlan
      readonly chunks: readonly GoldenChunk[]
    }
  | { readonly kind: 'problems'; readonly problems: readonly PolicyProblem[] }
  | {
      readonly kind: 'golden_problems'
      readonly problems: readonly { readonly line: number; readonly message: string }[]
    }

/** Compiles a document that its JSON Schema has let through. `golden` is the set that it names, entry by entry; null when there is none. */
export function compileRollout(document: RolloutDocument, golden: readonly unknown[] | null): CompiledRollout {
  const misplaced = goldenMisplaced(document, golden)
  if (misplaced !== null) return { kind: 'problems', problems: [misplaced] }
  const set = golden === null ? null : goldenSet(golden)
  if (set?.kind === 'problems') return { kind: 'golden_problems', problems: set.problems }
  const summary = set === null ? null : { digest: set.digest, chunks: set.chunks.length, entries: set.entries }
  const result = specFromDocument(document, summary)
  if (result.kind === 'problems') return result
  const outside = sliceOutsideWave(result.spec)
  if (outside !== null) return { kind: 'problems', problems: [outside] }
  const plan = compilePlan(result.spec)
  const unaffordable = budgetProblem(result.spec, plan)
  if (unaffordable !== null) return { kind: 'problems', problems: [unaffordable] }
  return { kind: 'compiled', spec: result.spec, plan, chunks: set?.chunks ?? [] }
}

/** Golden answers that the file does not name would decide without anybody reading so in it. */
function goldenMisplaced(document: RolloutDocument, golden: readonly unknown[] | null): PolicyProblem | null {
  if (document.golden !== undefined && golden === null)
    return {
      path: ['golden'],
      message: 'the file names a golden set, but none was sent',
      fix: 'send its entries as `golden`',
    }
  if (document.golden === undefined && golden !== null)
    return {
      path: [],
      message: 'a golden set was sent, but the file names none',
      fix: 'add `golden: { file: … }` or send none',
    }
  return null
}
