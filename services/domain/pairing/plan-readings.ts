import type { Comparison } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { type WantedFacts, wantedFacts } from '../scoring/leg-facts.ts'

export type PlannedMetric = AnalysisPlan['metrics'][number]

/** One age at which an exchange is read, the same for all exchanges of a run. */
export interface Reading {
  readonly comparison: 'live' | 'shadow'
  readonly horizonMs: number
  /** From the arrival of the request: a live leg starts then, a shadow leg at most the start delay later. */
  readonly afterMs: number
}

interface PlanReadings {
  /** Of requests that fell to their arm by the split. */
  readonly split: readonly Reading[]
  readonly others: readonly Reading[]
  readonly metrics: Readonly<Record<Comparison, ReadonlyMap<number, readonly PlannedMetric[]>>>
  readonly wanted: WantedFacts
}

/** Every exchange of a run is read by its plan, which never changes: made once, and shared by a million open exchanges. */
const known = new WeakMap<AnalysisPlan, PlanReadings>()

/** Every reading of an exchange, by ascending age: at the horizons of the metrics and at the leg timeout. */
export function readingsOf(plan: AnalysisPlan, isSplit: boolean): readonly Reading[] {
  const { split, others } = of(plan)
  return isSplit ? split : others
}

/** Metrics that one comparison reads at one age. */
export function metricsAt(plan: AnalysisPlan, comparison: Comparison, horizonMs: number): readonly PlannedMetric[] {
  return of(plan).metrics[comparison].get(horizonMs) ?? []
}

/** What the metrics ask of each answer's text. */
export function wantedOf(plan: AnalysisPlan): WantedFacts {
  return of(plan).wanted
}

function of(plan: AnalysisPlan): PlanReadings {
  const before = known.get(plan)
  if (before !== undefined) return before
  const ages = new Set([...plan.metrics.map(({ horizonMs }) => horizonMs), plan.legTimeoutMs])
  const ascending = [...ages].sort((a, b) => a - b)
  const metricsOf = (comparison: Comparison) => {
    const compared = plan.metrics.filter(({ comparisons }) => isComparedIn(comparisons, comparison))
    return new Map(ascending.map((age) => [age, compared.filter(({ horizonMs }) => horizonMs === age)]))
  }
  const readings = {
    split: readingsAt(ascending, plan, ['live', 'shadow']),
    others: readingsAt(ascending, plan, ['shadow']),
    metrics: {
      live_ab: metricsOf('live_ab'),
      content_ab: metricsOf('content_ab'),
      shadow_ab: metricsOf('shadow_ab'),
      aa: metricsOf('aa'),
    },
    wanted: wantedFacts(plan.metrics),
  }
  known.set(plan, readings)
  return readings
}

function readingsAt(
  ages: readonly number[],
  { shadowStartDelayMs, graceMs }: AnalysisPlan,
  comparisons: readonly Reading['comparison'][],
): readonly Reading[] {
  return ages.flatMap((horizonMs) =>
    comparisons.map((comparison): Reading => {
      const delayMs = comparison === 'shadow' ? shadowStartDelayMs : 0
      return { comparison, horizonMs, afterMs: delayMs + horizonMs + graceMs }
    }),
  )
}

/** Noise is measured for every metric that decides by content: its A/A value is the baseline against itself. */
function isComparedIn(comparisons: readonly Comparison[], comparison: Comparison): boolean {
  return comparisons.includes(comparison) || (comparison === 'aa' && comparisons.includes('content_ab'))
}
