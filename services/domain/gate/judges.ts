import type { Evidence } from '../events/records.ts'
import { judgeFaults } from '../stats/judge/judge-fitness.ts'
import { newcombePairedInterval } from '../stats/paired/paired-interval.ts'
import type { AnalysisPlan, PlannedJudge } from './plan.ts'

/** Whether a judge may feed a gate now, and if not what speaks against it. */
export interface JudgeView {
  readonly source: string
  readonly state: 'fit' | 'unfit' | 'expired'
  readonly faults: readonly string[]
}

interface Judged {
  readonly plan: AnalysisPlan
  readonly enteredThroughMs: number
  readonly noise: { readonly audit: Readonly<Record<string, { readonly mixture: { readonly whole: Whole } }>> }
}

interface Whole {
  readonly table: { both: number; onlyCandidate: number; onlyBaseline: number; neither: number }
}

/** Evidence of the exchanges themselves. */
export const ownSource = 'pairing'
const alpha = 0.05

function judgeOf(plan: AnalysisPlan, metric: string): PlannedJudge | null {
  return plan.judges?.find(({ metrics }) => metrics.includes(metric)) ?? null
}

/** True when this source is the one that the plan takes the metric from: each metric has one. */
export function supplies(plan: AnalysisPlan, source: string, metric: string): boolean {
  return (judgeOf(plan, metric)?.source ?? ownSource) === source
}

/** True for the exchanges' own evidence, and for that of a declared judge in its declared version while its calibration is valid. */
export function isKnownSource(plan: AnalysisPlan, { source, arrived_at: arrivedAtMs }: Evidence): boolean {
  if (source === ownSource) return true
  return plan.judges?.some((judge) => judge.source === source && arrivedAtMs <= judge.validUntilMs) === true
}

/** How long a record of this source is waited for beyond its horizon, ms. */
export function waitOf(plan: AnalysisPlan, source: string): number {
  return plan.judges?.find((judge) => judge.source === source)?.withinMs ?? 0
}

/**
 * The state of the judge that supplies a metric; null when none does. Beside the house limits of its calibration its net win on the baseline against itself
 * must be able to be 0: a judge that prefers one of two answers of the same model is none.
 */
export function judgeView({ plan, enteredThroughMs, noise }: Judged, metric: string): JudgeView | null {
  const judge = judgeOf(plan, metric)
  if (judge === null) return null
  const { source } = judge
  const faults: string[] = [...judgeFaults(judge.calibration)]
  const test = plan.harm.find((planned) => planned.metric === metric && planned.slice === null)
  const table = noise.audit[test?.id ?? '']?.mixture.whole.table
  if (table !== undefined) {
    const [low, high] = newcombePairedInterval(table, alpha)
    if (low > 0 || high < 0) faults.push('prefers_one_of_the_same')
  }
  if (faults.length > 0) return { source, state: 'unfit', faults }
  return { source, state: enteredThroughMs > judge.validUntilMs ? 'expired' : 'fit', faults }
}

/** The first deciding metric whose judge may not decide. */
export function faultyJudge(gate: Judged): { readonly metric: string; readonly judge: JudgeView } | null {
  for (const { name, role } of gate.plan.metrics) {
    const judge = role === 'guardrail' || role === 'primary' ? judgeView(gate, name) : null
    if (judge !== null && judge.state !== 'fit') return { metric: name, judge }
  }
  return null
}
