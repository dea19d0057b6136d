import type { Comparison, Evidence } from '../events/records.ts'
import { firstBitOf, type HarmBits, harmBitsOf, type Questions } from './live-singles.ts'
import type { AdvanceTest, AnalysisPlan, HarmTest, Slice } from './plan.ts'

/** The tests that can read a kind of record, in the plan's order, with what each asks of a live unit. */
export interface Readers {
  readonly harm: readonly { readonly test: HarmTest; readonly bits: HarmBits }[]
  readonly advance: readonly { readonly test: AdvanceTest; readonly first: number | undefined }[]
}

/** Comparison → horizon and kind of stage → readers. Known from the plan alone; kept, because a plan has many tests and few of them read one record. */
export type ReaderIndex = Map<Comparison, Map<number, Readers>>

const stageKinds = ['shadow', 'canary', 'full'] as const

/** The kind of stage in which a record was made, by the candidate's weight at that moment. */
export function stageKindOf(candidateWeight: number): (typeof stageKinds)[number] {
  if (candidateWeight === 0) return 'shadow'
  return candidateWeight >= 100_000 ? 'full' : 'canary'
}

/** The tests that read this record but for their slices (see `isInSlice`). */
export function readersOf(index: ReaderIndex, plan: AnalysisPlan, questions: Questions, evidence: Evidence): Readers {
  const { comparison, horizon_ms: horizonMs, place } = evidence
  const kind = stageKindOf(place.candidate_weight)
  const key = horizonMs * stageKinds.length + stageKinds.indexOf(kind)
  const ofComparison = index.get(comparison) ?? new Map<number, Readers>()
  const known = ofComparison.get(key)
  if (known !== undefined) return known
  const reads = (test: HarmTest | AdvanceTest) =>
    test.comparison === comparison &&
    (test.stages === 'any' || test.stages === kind) &&
    plan.metrics.some((metric) => metric.name === test.metric && metric.horizonMs === horizonMs)
  const readers: Readers = {
    harm: plan.harm.filter(reads).map((test) => ({ test, bits: harmBitsOf(questions, test) })),
    advance: plan.advance.filter(reads).map((test) => ({ test, first: firstBitOf(questions, test) })),
  }
  ofComparison.set(key, readers)
  index.set(comparison, ofComparison)
  return readers
}

export function isInSlice(slice: Slice, evidence: Evidence): boolean {
  if (slice === null) return true
  return (slice.key === 'tenant' ? evidence.tenant : evidence.segments[slice.key]) === slice.value
}
