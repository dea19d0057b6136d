import type { PlannedJudge } from '../gate/plan.ts'
import type { MetricPolicy } from '../rollout/spec.ts'
import { suppliedMetrics } from '../scoring/catalogue.ts'
import { judgeFaults } from '../stats/judge/judge-fitness.ts'
import type { PolicyProblem, RolloutDocument } from './rollout-document.ts'
import { parseDuration } from './units-of-measure.ts'

const defaultWithinMs = 600_000

/** The judges of a file, checked against the metrics that they supply: a deciding metric has exactly one, which is fit. */
export function judgesOf(
  document: RolloutDocument,
  metrics: readonly MetricPolicy[],
  problems: PolicyProblem[],
): readonly PlannedJudge[] {
  const judges = Object.entries(document.judges ?? {}).map(([source, judge]): PlannedJudge => {
    const { labels, kappa, kappaLower, consistency } = judge
    return {
      source,
      metrics: judge.metrics,
      calibration: {
        ...{ labels, kappa, kappaLower, consistency },
        humanKappa: judge.humanKappa ?? null,
        firstShare: judge.firstShare ?? null,
      },
      measuredAtMs: Date.parse(judge.measuredAt),
      validUntilMs: Date.parse(judge.validUntil),
      withinMs: parseDuration(judge.within ?? '') ?? defaultWithinMs,
    }
  })
  for (const { source, measuredAtMs, validUntilMs } of judges) {
    if (validUntilMs > measuredAtMs) continue
    const fix = 'write both as UTC times, such as 2026-01-31T00:00:00Z, the second later'
    problems.push({ path: ['judges', source, 'validUntil'], message: 'does not lie after measuredAt', fix })
  }
  for (const { name, role } of metrics) {
    if (!suppliedMetrics.has(name)) continue
    const suppliers = judges.filter((judge) => judge.metrics.includes(name))
    if (suppliers.length > 1) {
      const fix = 'leave it with one of them'
      problems.push({ path: ['judges'], message: `${name} is supplied by ${suppliers.length} judges`, fix })
    }
    const [judge] = suppliers
    if (role !== 'guardrail' && role !== 'primary') continue
    const faults = judge === undefined ? ['no judge is declared'] : judgeFaults(judge.calibration)
    if (faults.length === 0) continue
    const fix = 'declare a judge with a calibration within the limits under `judges`, or make the metric a signal'
    problems.push({ path: ['metrics', name, 'role'], message: `its judge may not decide: ${faults.join(', ')}`, fix })
  }
  return judges
}
