import type { MetricVerdict } from '../domain/gate/verdict.ts'
import type { PlanSummary } from '../domain/policy/plan-summary.ts'
import { formatDuration, formatWeight } from '../domain/policy/units-of-measure.ts'
import type { RunStatus } from '../domain/rollout/status.ts'

/** One run as a tree: where, why, what next. */
export function statusText(status: RunStatus, nowMs: number): string {
  const marks = { done: '✔', current: '●', waiting: '○' } as const
  const waves = status.waves.flatMap((wave) => [
    `  wave ${wave.id} (${wave.status})`,
    ...wave.stages.map(
      (stage) => `    ${marks[stage.mark]} ${stage.name.padEnd(14)} ${formatWeight(stage.candidateWeight)}`,
    ),
  ])
  const eta =
    status.etaAtMs === null
      ? 'unknown'
      : status.etaAtMs <= nowMs
        ? 'now'
        : `in ${formatDuration(status.etaAtMs - nowMs)}`
  return [
    `${status.run}  route ${status.route}  attempt ${status.attempt}`,
    `  phase     ${status.phase}${status.stage === null ? '' : ` (${status.stage})`}, candidate ${formatWeight(status.candidateWeight)}, for ${formatDuration(Math.max(0, nowMs - status.sinceMs))}`,
    `  decision  ${status.decision}: ${status.decisionCode}: ${status.decisionReason}`,
    `  evidence  ${status.n ?? '–'} of ${status.nRequired ?? '–'} units`,
    `  next      ${status.next}; expected ${eta}`,
    `  routers   ${status.routers.map((router) => `${router.id} ${router.acked ? 'applied' : 'silent'}`).join(', ')}`,
    ...(status.killed ? ['  KILLED    all candidates get nothing until released'] : []),
    ...(status.awaitingApproval === null
      ? []
      : [`  WAITING   for a person (${status.awaitingApproval}): approve or reject`]),
    ...waves,
  ].join('\n')
}

/** What a plan will ask for. */
export function planText(plan: PlanSummary): string {
  const stages = plan.stages.map(
    (stage) =>
      `  ${stage.wave}/${stage.stage}`.padEnd(26) +
      `${formatWeight(stage.candidateWeight).padStart(7)}  at least ${formatDuration(stage.minDurationMs).padEnd(8)}` +
      (stage.decidedBy === null ? '' : `${stage.pairsRequired} units (${stage.decidedBy})`),
  )
  return [
    `plan ${plan.hash.slice(0, 12)}`,
    ...stages,
    `  chance of a false rollback over the whole run: at most ${(plan.errorBudget * 100).toFixed(1)} %`,
    `  shadow calls cost at most $${(plan.shadowCostMicroUsdMax / 1e6).toFixed(2)}`,
    ...plan.deviations.map((deviation) => `  deviates: ${deviation}`),
  ].join('\n')
}

/** The numbers behind a verdict, one line per test with data. */
export function metricsText(metrics: readonly MetricVerdict[]): string {
  const percent = (value: number | null) => (value === null ? '–' : `${(value * 100).toFixed(2)} %`)
  return metrics
    .filter((metric) => metric.n > 0)
    .map((metric) => {
      const e =
        metric.eValue === null
          ? ''
          : `  e ${metric.eValue.toPrecision(3)} of ${metric.eThreshold?.toPrecision(3) ?? '–'}`
      const looks =
        metric.nRequired === null
          ? ''
          : `  look ${metric.looksSpent}, needs ${metric.nRequired}${metric.passed ? ', passed' : ''}`
      return `  ${metric.test.padEnd(50)} ${metric.state.padEnd(13)} n ${metric.n}  baseline ${percent(metric.baselineValue)}  candidate ${percent(metric.candidateValue)}${e}${looks}`
    })
    .join('\n')
}
