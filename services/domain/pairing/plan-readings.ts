import type { Comparison } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { type WantedFacts, wantedFacts } from '../scoring/leg-facts.ts'

export type PlannedMetric = AnalysisPlan['metrics'][number]

interface Readings {
  readonly wanted: WantedFacts
  readonly ascending: readonly number[]
  readonly metrics: Readonly<Record<Comparison, ReadonlyMap<number, readonly PlannedMetric[]>>>
}

/** Every exchange of a run is read by its plan, which never changes. */
const known = new WeakMap<AnalysisPlan, Readings>()

/** Ages at which exchanges are read, ms, ascending: those of the metrics, and the leg timeout. */
export function horizonsOf(plan: AnalysisPlan): readonly number[] {
  return of(plan).ascending
}

/** What the metrics ask of each answer's text. */
export function wantedOf(plan: AnalysisPlan): WantedFacts {
  return of(plan).wanted
}

/** Metrics that one comparison reads at one age. */
export function metricsAt(plan: AnalysisPlan, comparison: Comparison, horizonMs: number): readonly PlannedMetric[] {
  return of(plan).metrics[comparison].get(horizonMs) ?? []
}

function of(plan: AnalysisPlan): Readings {
  const before = known.get(plan)
  if (before !== undefined) return before
  const ages = new Set([...plan.metrics.map(({ horizonMs }) => horizonMs), plan.legTimeoutMs])
  const ascending = [...ages].sort((a, b) => a - b)
  const at = (comparison: Comparison) =>
    new Map(
      ascending.map((age) => [
        age,
        plan.metrics.filter(({ horizonMs, comparisons }) => horizonMs === age && isComparedIn(comparisons, comparison)),
      ]),
    )
  const metrics = {
    live_ab: at('live_ab'),
    content_ab: at('content_ab'),
    shadow_ab: at('shadow_ab'),
    aa: at('aa'),
  }
  const readings = { ascending, metrics, wanted: wantedFacts(plan.metrics) }
  known.set(plan, readings)
  return readings
}

/** Noise is measured for every metric that decides by content: its A/A value is the baseline against itself. */
function isComparedIn(comparisons: readonly Comparison[], comparison: Comparison): boolean {
  return comparisons.includes(comparison) || (comparison === 'aa' && comparisons.includes('content_ab'))
}
