import { assumedMargin, compilePlan } from '../gate/compile-plan.ts'
import type { Margin } from '../gate/plan.ts'
import type { MetricPolicy, RolloutSpec, StageSpec, WaveSpec } from '../rollout/spec.ts'
import type { PlanInput } from './planned-questions.ts'
import { planRollout, type RolloutPlan } from './rollout-plan.ts'
import { hourMs, scaledTraffic } from './traffic-profile.ts'

/** One change that by itself makes an impossible plan possible; each was planned again with it and had no problem left. */
export interface Remedy {
  readonly kind: 'traffic' | 'margin' | 'duration' | 'share' | 'budget'
  /** What to write, with the numbers. */
  readonly change: string
}

interface Changed {
  readonly input: PlanInput
  readonly change: string
}

const halvings = 12
const trafficFactorMax = 1e5

/** What would make the plan possible, one change at a time; empty when the plan is possible, or when no single change is enough. */
export function remediesOf(input: PlanInput, planned: RolloutPlan): readonly Remedy[] {
  if (planned.problems.length === 0 || planned.problems.some(({ kind }) => kind === 'absent')) return []
  const found: Remedy[] = []
  const keep = (kind: Remedy['kind'], changed: Changed | null) => {
    const whole = changed === null ? null : withBudget(changed)
    if (whole !== null && planRollout(whole.input).problems.length === 0) found.push({ kind, change: whole.change })
  }
  const isLate = planned.problems.some(({ kind }) => kind === 'time')
  if (!isLate) {
    keep('budget', { input, change: '' })
    keep('share', lessShadow(input))
    return found
  }
  keep(
    'share',
    smallest(0, 1, (part) => moreShare(input, planned, part)),
  )
  keep(
    'margin',
    smallest(1, marginFactorMax(input, planned), (factor) => widerMargins(input, planned, factor)),
  )
  keep('duration', longerStages(input))
  keep(
    'traffic',
    smallest(1, trafficFactorMax, (factor) => moreTraffic(input, factor)),
  )
  return found
}

/** The smallest knob value (to within a few percent) at which no stage is late; numbers in the change are rounded up, so what is written works. */
function smallest(from: number, to: number, at: (value: number) => Changed | null): Changed | null {
  const works = (changed: Changed | null) => changed !== null && !isLate(changed.input)
  let best = to > from ? at(to) : null
  if (!works(best)) return null
  let low = from
  let high = to
  for (let step = 0; step < halvings; step += 1) {
    const middle = from > 0 ? Math.sqrt(low * high) : (low + high) / 2
    const changed = at(middle)
    if (works(changed)) {
      best = changed
      high = middle
    } else low = middle
  }
  return best
}

function isLate(input: PlanInput): boolean {
  return planRollout(input).problems.some(({ kind }) => kind === 'time')
}

function respecified(input: PlanInput, spec: RolloutSpec): PlanInput {
  return { ...input, spec, plan: compilePlan(spec) }
}

function moreTraffic(input: PlanInput, factor: number): Changed {
  const times = roundedUp(factor, 2)
  return { input: { ...input, traffic: scaledTraffic(input.traffic, times) }, change: `${times} times the traffic` }
}

/** Metrics whose questions are late. */
function lateMetrics(planned: RolloutPlan): ReadonlySet<string> {
  const tests = new Set(planned.problems.flatMap((problem) => problem.tests))
  const questions = planned.stages.flatMap((stage) => stage.questions)
  return new Set(questions.filter(({ test }) => tests.has(test)).map(({ metric }) => metric))
}

/** A margin stays below one half of all that there can be: what lies above accepts almost anything. */
function marginFactorMax({ spec }: PlanInput, planned: RolloutPlan): number {
  const late = lateMetrics(planned)
  const margins = spec.metrics.filter(({ name }) => late.has(name)).map(shareOf)
  return Math.min(50, ...margins.map((size) => 0.5 / size))
}

/** The margin as a rate, or as a share of the largest amount. */
function shareOf(metric: MetricPolicy): number {
  const { margin, amount } = metric
  if (amount !== null) return assumedMargin(metric) / (amount.largest ?? Number.POSITIVE_INFINITY)
  return margin.kind === 'absolute' ? margin.value : margin.floor
}

function widerMargins(input: PlanInput, planned: RolloutPlan, factor: number): Changed {
  const late = lateMetrics(planned)
  const widened = (margin: Margin): Margin =>
    margin.kind === 'absolute'
      ? { kind: 'absolute', value: roundedUp(margin.value * factor, 2) }
      : { kind: 'relative', factor: roundedUp(margin.factor * factor, 2), floor: roundedUp(margin.floor * factor, 2) }
  const metrics = input.spec.metrics.map((metric) =>
    late.has(metric.name) ? { ...metric, margin: widened(metric.margin) } : metric,
  )
  const written = metrics
    .filter(({ name }) => late.has(name))
    .map(({ name, margin }) =>
      margin.kind === 'absolute'
        ? `metrics.${name}.margin.absolute ${margin.value}`
        : `metrics.${name}.margin { relative: ${margin.factor}, floor: ${margin.floor} }`,
    )
  return { input: respecified(input, { ...input.spec, metrics }), change: written.join(', ') }
}

/** Later stages begin later, and may then need more hours: planned again until none is late. */
function longerStages(input: PlanInput): Changed | null {
  const longer = new Map<string, number>()
  let changed = input
  for (let round = 0; round < 10; round += 1) {
    const planned = planRollout(changed)
    const late = planned.problems.filter(({ kind }) => kind === 'time')
    if (late.length === 0) break
    for (const { wave, stage } of late) {
      const hours = planned.stages.find((item) => item.wave === wave && item.stage === stage)?.evidenceHours
      if (hours == null) return null
      longer.set(`${wave}/${stage}`, Math.ceil(hours) * hourMs)
    }
    const spec = withStages(input.spec, (wave, stage) => ({
      ...stage,
      maxDurationMs: longer.get(`${wave.id}/${stage.name}`) ?? stage.maxDurationMs,
    }))
    changed = respecified(input, spec)
  }
  const written = [...longer].map(([stage, ms]) => `maxDuration ${ms / hourMs}h of ${stage}`)
  return { input: changed, change: written.join(', ') }
}

/** `part` of the way from what is shadowed, asked twice and served now to what could be: all, all, and half (never past the next stage). */
function moreShare(input: PlanInput, planned: RolloutPlan, part: number): Changed | null {
  const { spec } = input
  const late = planned.problems.flatMap((problem) => problem.tests)
  const lateQuestions = planned.stages.flatMap((stage) =>
    stage.questions.filter(({ test }) => late.includes(test)).map((question) => ({ ...question, stage })),
  )
  const isPaired = lateQuestions.some(({ counts }) => counts === 'pairs')
  const isTwice = lateQuestions.some(({ comparison }) => comparison === 'shadow_ab') || isCalibrationLate(planned)
  const written: string[] = []
  const towards = (name: string, value: number, asked: boolean) => {
    if (!asked || value === 0 || value >= 1) return value
    const raised = Math.min(1, roundedUp(value + part * (1 - value), 2))
    written.push(`${name} ${raised}`)
    return raised
  }
  const share = towards('shadow.share', spec.shadow.share, isPaired)
  const secondLegShare = towards('shadow.secondLegShare', spec.shadow.secondLegShare, isTwice)
  const waves = withStages(spec, (wave, stage, next) => {
    const isTried = planned.problems.some((problem) => problem.wave === wave.id && problem.stage === stage.name)
    const isLive = lateQuestions.some(
      (question) =>
        question.counts === 'candidate_units' && question.stage.wave === wave.id && question.stage.stage === stage.name,
    )
    const limit = Math.min(50_000, (next?.candidateWeight ?? 100_000) - 1_000)
    if (!isTried || !isLive || limit <= stage.candidateWeight) return stage
    const weight = Math.min(
      limit,
      Math.ceil((stage.candidateWeight + part * (limit - stage.candidateWeight)) / 100) * 100,
    )
    written.push(`weight ${weight / 1_000}% of ${wave.id}/${stage.name}`)
    return { ...stage, candidateWeight: weight }
  }).waves
  if (written.length === 0) return null
  const changed = { ...spec, waves, shadow: { ...spec.shadow, share, secondLegShare } }
  return { input: respecified(input, changed), change: written.join(', ') }
}

function isCalibrationLate(planned: RolloutPlan): boolean {
  return planned.stages.some(
    ({ calibratedHours, maxDurationMs }) => calibratedHours === null || calibratedHours * hourMs > maxDurationMs,
  )
}

/** The largest share of a falling ladder with which the budget lasts and no stage is late; when there is none, the share that needs the fewest calls. */
function lessShadow(input: PlanInput): Changed | null {
  const { spec } = input
  let cheapest: { readonly changed: Changed; readonly calls: number } | null = null
  for (let share = spec.shadow.share * 0.9; share > spec.shadow.share / 1_000; share *= 0.9) {
    const rounded = Number(share.toPrecision(2))
    const changed = {
      input: respecified(input, { ...spec, shadow: { ...spec.shadow, share: rounded } }),
      change: `shadow.share ${rounded}`,
    }
    const { problems, shadow } = planRollout(changed.input)
    if (problems.length === 0) return changed
    if (problems.some(({ kind }) => kind === 'time')) break
    if (cheapest === null || shadow.calls < cheapest.calls) cheapest = { changed, calls: shadow.calls }
  }
  return cheapest?.changed ?? null
}

/** A change that needs a larger shadow budget says so. */
function withBudget({ input, change }: Changed): Changed {
  const { problems } = planRollout(input)
  const needed = (kind: 'calls' | 'money') => problems.find((problem) => problem.kind === kind)?.needed ?? null
  const calls = needed('calls')
  const money = needed('money')
  if (calls === null && money === null) return { input, change }
  const usd = money === null ? null : Math.ceil(money / 1e6)
  const shadow = {
    ...input.spec.shadow,
    ...(calls === null ? {} : { budgetCalls: calls }),
    ...(usd === null ? {} : { budgetMicroUsd: usd * 1e6 }),
  }
  const written = [
    ...(change === '' ? [] : [change]),
    ...(calls === null ? [] : [`shadow.budget.calls ${calls}`]),
    ...(usd === null ? [] : [`shadow.budget.usd ${usd}`]),
  ]
  return { input: { ...input, spec: { ...input.spec, shadow } }, change: written.join(', ') }
}

function withStages(
  spec: RolloutSpec,
  change: (wave: WaveSpec, stage: StageSpec, next: StageSpec | undefined) => StageSpec,
): RolloutSpec {
  const waves = spec.waves.map((wave) => ({
    ...wave,
    stages: wave.stages.map((stage, index) => change(wave, stage, wave.stages[index + 1])),
  }))
  return { ...spec, waves }
}

/** To `digits` significant digits, never below. */
function roundedUp(value: number, digits: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - digits + 1)
  return Number((Math.ceil(value / unit - 1e-9) * unit).toPrecision(digits + 1))
}
