import type { Comparison } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'

type PlannedMetric = AnalysisPlan['metrics'][number]

interface Horizons {
  readonly ascending: readonly number[]
  readonly metrics: Readonly<Record<Comparison, ReadonlyMap<number, readonly PlannedMetric[]>>>
}

/** Every exchange of a run is read by its plan, which never changes. */
const known = new WeakMap<AnalysisPlan, Horizons>()

/** Ages at which exchanges are read, ms, ascending: those of the metrics, and the leg timeout. */
export function horizonsOf(plan: AnalysisPlan): readonly number[] {
  return of(plan).ascending
}

/** Metrics that one comparison reads at one age. */
export function metricsAt(plan: AnalysisPlan, comparison: Comparison, horizonMs: number): readonly PlannedMetric[] {
  return of(plan).metrics[comparison].get(horizonMs) ?? []
}

function of(plan: AnalysisPlan): Horizons {
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
  const horizons = { ascending, metrics }
  known.set(plan, horizons)
  return horizons
}

/** Noise is measured for every metric that decides by content: its A/A value is the baseline against itself. */
function isComparedIn(comparisons: readonly Comparison[], comparison: Comparison): boolean {
  return comparisons.includes(comparison) || (comparison === 'aa' && comparisons.includes('content_ab'))
}
