import type { PlannedQuestion } from '../domain/planning/planned-questions.ts'
import type { PlannedStage } from '../domain/planning/planned-stage.ts'
import type { Remedy } from '../domain/planning/remedies.ts'
import type { RolloutPlan } from '../domain/planning/rollout-plan.ts'
import { formatDuration, formatWeight } from '../domain/policy/units-of-measure.ts'
import type { RolloutSpec } from '../domain/rollout/spec.ts'

/** A plan for people: each stage with its questions, then cost, errors and times, then what stands in its way. */
export function rolloutPlanText(spec: RolloutSpec, plan: RolloutPlan, remedies: readonly Remedy[]): string {
  return [
    `${spec.name} on ${spec.route} (change: ${spec.change}), plan ${plan.planHash.slice(0, 12)}, from ${minuteOf(plan.startMs)}`,
    '',
    ...plan.stages.flatMap((stage) => [...stageText(stage, plan), '']),
    `completed   ${minuteOf(plan.endsAtMs)} after ${formatDuration(spec.bakeMs)} of bake; not before ${minuteOf(plan.earliestEndMs)}, with every last look ${minuteOf(plan.latestEndMs)}`,
    ...shadowText(spec, plan),
    ...errorsText(plan),
    ...revertText(plan),
    ...assumptionsText(spec),
    ...problemsText(plan, remedies),
  ].join('\n')
}

function stageText(stage: PlannedStage, plan: RolloutPlan): readonly string[] {
  const { look, boundBy, hours, approval } = stage
  const why =
    look === null
      ? 'no question is asked'
      : `ends at look ${look} of ${plan.missing.byLook.length}; decided by ${boundBy}`
  const person = approval === 'manual' ? ', then a person' : ''
  const head = `${stage.wave}/${stage.stage}  ${formatWeight(stage.candidateWeight)}  ${minuteOf(stage.entersAtMs)} → ${minuteOf(stage.endsAtMs)}  ${formatDuration(hours * 3_600_000)}  (${why}${person})`
  if (stage.questions.length === 0) return [head]
  const table = [
    ['  question', 'counts', ...plan.missing.byLook.map((_, index) => `look ${index + 1}`), 'margin', 'detectable'],
    ...stage.questions.map((question) => [
      `  ${question.metric} ${question.comparison}${question.slice === null ? '' : ` ${question.slice.key}=${question.slice.value}`}`,
      question.counts === 'pairs' ? 'pairs' : 'candidate units',
      ...question.looks.map(({ units, hours: after }) => `${units} in ${after === null ? '∞' : hoursText(after)}`),
      differenceText(question, question.margin),
      detectableText(question),
    ]),
  ]
  const miss = stage.missByLook.map((chance) => percent(chance)).join(', ')
  return [head, ...aligned(table), `  not through by these looks: at most ${miss}`]
}

function detectableText(question: PlannedQuestion): string {
  return question.detectable === null ? 'nothing' : differenceText(question, question.detectable)
}

function differenceText({ marginIn }: PlannedQuestion, difference: number): string {
  return marginIn === 'rate' ? points(difference) : String(Number(difference.toPrecision(2)))
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function shadowText(spec: RolloutSpec, { shadow, shadowBudget }: RolloutPlan): readonly string[] {
  if (shadow.calls === 0) return ['shadow      none']
  const money =
    shadow.microUsd === null
      ? `money unknown (add ${shadow.inputTokens === null ? 'input_tokens and output_tokens to the traffic' : ''}${shadow.inputTokens === null && !isPriced(spec) ? ', and ' : ''}${isPriced(spec) ? '' : 'prices of both variants to the rollout'})`
      : dollars(shadow.microUsd)
  const tokens =
    shadow.inputTokens === null || shadow.outputTokens === null
      ? ''
      : `, ${Math.ceil(shadow.inputTokens)} tokens in and ${Math.ceil(shadow.outputTokens)} out`
  const pauses =
    shadow.calls > shadowBudget.calls || (shadow.microUsd ?? 0) > shadowBudget.microUsd
      ? '; shadowing pauses when the budget is spent'
      : ''
  return [
    `shadow      ${Math.ceil(shadow.calls)} calls (${Math.ceil(shadow.candidateCalls)} candidate, ${Math.ceil(shadow.baselineCalls)} baseline)${tokens}, ${money}`,
    `            budget ${shadowBudget.calls} calls, ${dollars(shadowBudget.microUsd)}${pauses}`,
  ]
}

function isPriced({ prices, baseline, candidate }: RolloutSpec): boolean {
  return Object.hasOwn(prices, baseline.id) && Object.hasOwn(prices, candidate.id)
}

function errorsText({ falseRollback, missing }: RolloutPlan): readonly string[] {
  const families = Object.entries(falseRollback.byFamily).map(([family, alpha]) => `${family} ${percent(alpha)}`)
  const review =
    falseRollback.reviewChance === 0 ? '' : `, and ${percent(falseRollback.reviewChance)} of a needless review`
  return [
    `false alarm at most ${percent(falseRollback.chance)} of a false rollback over the whole run${review} (${families.join(', ')})`,
    `missed      a harmless candidate is stopped by chance in at most ${percent(missing.planned)} at the planned looks (asked for: ${percent(missing.target)}); after look ${missing.byLook.map((chance, index) => `${index + 1}: ${percent(chance)}`).join(', ')}`,
  ]
}

function revertText({ revert }: RolloutPlan): readonly string[] {
  const { metric, startDelayMs, horizonMs, graceMs, heartbeatMs, seenMs, blindMs, worstMs } = revert
  const parts = [startDelayMs, horizonMs, graceMs, heartbeatMs].map((ms) => formatDuration(ms))
  const blind =
    blindMs === null
      ? 'without a gate the candidate stays, because a stage says onLapse: hold'
      : `without a gate ${formatDuration(blindMs)} (blindness known + lease)`
  return [
    `roll back   ${worstMs === null ? 'no upper bound' : `at most ${formatDuration(worstMs)}`} after the request that proves harm: ${formatDuration(seenMs)} for ${metric} (start delay ${parts[0]} + horizon ${parts[1]} + grace ${parts[2]} + heartbeat ${parts[3]}); ${blind}`,
  ]
}

/** What the numbers rest on and a profile cannot know. */
function assumptionsText(spec: RolloutSpec): readonly string[] {
  const keys =
    spec.stickyKey === 'session'
      ? ''
      : `; live arms count each ${spec.stickyKey} once a stage, so ${spec.stickyKey}s that return bring less than the profile says`
  return [
    `assumes     the rates and spreads that the rollout assumes until calibration, ${percent(1 - spec.joinCompletenessMin)} of the legs lost, and traffic as in the profile${keys}`,
  ]
}

function problemsText(plan: RolloutPlan, remedies: readonly Remedy[]): readonly string[] {
  if (plan.problems.length === 0) return []
  return [
    '',
    'This plan cannot be kept:',
    ...plan.problems.map(({ wave, stage, message }) => `  ${wave}/${stage}: ${message}`),
    ...(remedies.length === 0
      ? plan.problems.some(({ kind }) => kind === 'absent')
        ? []
        : ['No single change makes it possible: combine more share, wider margins and more time.']
      : ['Any one of these makes it possible:', ...remedies.map(({ change }) => `  - ${change}`)]),
  ]
}

function minuteOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16)}Z`
}

function hoursText(hours: number): string {
  return hours < 0.1 ? formatDuration(hours * 3_600_000) : `${Number(hours.toFixed(1))} h`
}

function points(margin: number): string {
  return `${Number((margin * 100).toPrecision(2))} points`
}

function percent(chance: number): string {
  return `${Number((chance * 100).toPrecision(2))} %`
}

function dollars(microUsd: number): string {
  return `$${(microUsd / 1e6).toFixed(2)}`
}
