import type { Variant } from '../events/records.ts'
import type { RolloutSpec, StageSpec, WaveSpec } from '../rollout/spec.ts'
import { notParameters } from '../sampling/variant-change.ts'
import * as defaults from './default-policy.ts'
import { judgesOf } from './judges.ts'
import { isLiveOnly, liveOnlyProblems } from './live-only.ts'
import { metricPolicies, uncalibratedProblems } from './metric-policies.ts'
import { deviationsOf } from './policy-deviations.ts'
import type {
  BudgetDocument,
  PolicyProblem,
  RolloutDocument,
  StageDocument,
  VariantDocument,
} from './rollout-document.ts'
import { formatDuration, formatWeight, parseDuration, parseWeight } from './units-of-measure.ts'
import { inWholePeriods } from './whole-periods.ts'

/** What the golden set of the file turned out to be, once read. */
export interface GoldenSummary {
  readonly digest: string
  readonly chunks: number
  readonly entries: number
}

export type SpecResult =
  | { readonly kind: 'spec'; readonly spec: RolloutSpec }
  | { readonly kind: 'problems'; readonly problems: readonly PolicyProblem[] }

/**
 * Fills in the defaults and checks what a JSON Schema cannot: that the stages ramp, that the metrics exist and have what their tests need,
 * that no traffic is moved at completion which no wave has tried. All problems are reported at once.
 */
export function specFromDocument(document: RolloutDocument, golden: GoldenSummary | null): SpecResult {
  const problems: PolicyProblem[] = []
  const legTimeoutMs = durationOr(document.legTimeout, defaults.defaultLegTimeoutMs)
  const startWithinMs = durationOr(document.shadow?.startWithin, defaults.defaultStartWithinMs)
  const waves = wavesOf(document, problems)
  const metrics = metricPolicies(document, { golden: golden !== null, legTimeoutMs }, problems)
  checkVariants(document, problems)
  const statistics = document.statistics ?? {}
  const spec: RolloutSpec = {
    name: document.name,
    route: document.route,
    change: document.change,
    baseline: variantOf(document.baseline),
    candidate: variantOf(document.candidate),
    routers: document.routers,
    stickyKey: document.stickyKey ?? 'session',
    waves,
    waveOrder: document.waveOrder ?? 'sequence',
    shadow: shadowOf(document, startWithinMs + legTimeoutMs),
    metrics,
    criticalSlices: document.criticalSlices ?? [],
    sliceSearch: document.slices?.search === false ? null : { keys: document.slices?.keys ?? null },
    legTimeoutMs,
    graceMs: durationOr(document.grace, defaults.defaultGraceMs),
    calibrationPairs: document.calibrationPairs ?? (isLiveOnly(document) ? 0 : defaults.defaultCalibrationPairs),
    unitsMin: statistics.unitsMin ?? defaults.defaultUnitsMin,
    stickyKeysMin: statistics.stickyKeysMin ?? defaults.defaultStickyKeysMin,
    inclusionMin: statistics.inclusionMin ?? smallestShare(document),
    // Unknown: the first pair of a unit, which every unit has.
    pairsPerUnitMedian: statistics.pairsPerUnitMedian ?? 1,
    joinCompletenessMin: statistics.joinCompletenessMin ?? defaults.defaultJoinCompletenessMin,
    carryOver: statistics.carryOver ?? false,
    alphaAdvance: statistics.alphaAdvance ?? defaults.defaultAlphaAdvance,
    betaTotal: statistics.betaTotal ?? defaults.defaultBetaTotal,
    exceedance: {
      ...defaults.defaultExceedance,
      windowMs: durationOr(statistics.exceedance?.window, defaults.defaultExceedance.windowMs),
      alpha: statistics.exceedance?.alpha ?? defaults.defaultExceedance.alpha,
      countMin: statistics.exceedance?.countMin ?? defaults.defaultExceedance.countMin,
    },
    leaseMs: durationOr(document.lease, defaults.defaultLeaseMs),
    bakeMs: durationOr(document.bake, defaults.defaultBakeMs[document.change]),
    cooldownMs: durationOr(document.cooldown, defaults.defaultCooldownMs),
    golden,
    judges: judgesOf(document, metrics, problems),
    prices: pricesOf(document),
    deviations: [],
  }
  problems.push(...liveOnlyProblems(document, spec), ...uncalibratedProblems(spec))
  checkWhole(spec, problems)
  if (problems.length > 0) return { kind: 'problems', problems }
  return { kind: 'spec', spec: { ...spec, deviations: deviationsOf(spec) } }
}

function durationOr(text: string | undefined, fallbackMs: number): number {
  return text === undefined ? fallbackMs : (parseDuration(text) ?? fallbackMs)
}

function variantOf(variant: VariantDocument): Variant {
  const parameters = Object.entries(variant.parameters ?? {}).map(
    ([name, value]) => [name, JSON.stringify(value)] as const,
  )
  return {
    id: variant.id,
    provider: variant.provider,
    model: variant.model,
    prompt_version: variant.promptVersion ?? null,
    parameters: Object.fromEntries(parameters),
  }
}

function shadowOf(document: RolloutDocument, deadlineMs: number): RolloutSpec['shadow'] {
  const shadow = document.shadow ?? {}
  return {
    share: shadow.share ?? defaults.defaultShadow.share,
    secondLegShare: shadow.secondLegShare ?? (isLiveOnly(document) ? 0 : defaults.defaultShadow.secondLegShare),
    deadlineMs,
    budgetMicroUsd: Math.round((shadow.budget?.usd ?? defaults.defaultShadow.budgetUsd) * 1e6),
    budgetCalls: shadow.budget?.calls ?? defaults.defaultShadow.budgetCalls,
    ...(shadow.counterfactualShare === undefined ? {} : { counterfactualShare: shadow.counterfactualShare }),
    ...(shadow.segmentShares === undefined ? {} : { segmentShares: shadow.segmentShares }),
    ...(shadow.budget === undefined ? {} : { budgetLimits: budgetLimits(shadow.budget) }),
  }
}

/** Where segments are sampled more often than the rest, questions about all pairs are thinned to the rest's share. */
function smallestShare({ shadow }: RolloutDocument): number | null {
  const isUneven = Object.keys(shadow?.segmentShares ?? {}).length > 0
  return isUneven ? (shadow?.share ?? defaults.defaultShadow.share) : null
}

/** As `ShadowShares.budgets` names them: `calls`, `micro_usd` and `tokens`, each also `_per_minute` and `_per_day`. */
function budgetLimits({
  tokens,
  perMinute,
  perDay,
}: NonNullable<NonNullable<RolloutDocument['shadow']>['budget']>): Record<string, number> {
  const named = (given: BudgetDocument | undefined, suffix: string) =>
    [
      [`calls${suffix}`, given?.calls],
      [`micro_usd${suffix}`, given?.usd === undefined ? undefined : Math.round(given.usd * 1e6)],
      [`tokens${suffix}`, given?.tokens],
    ] as const
  const limits = [['tokens', tokens] as const, ...named(perMinute, '_per_minute'), ...named(perDay, '_per_day')]
  return Object.fromEntries(limits.flatMap(([name, limit]) => (limit === undefined ? [] : [[name, limit]])))
}

function pricesOf(document: RolloutDocument): RolloutSpec['prices'] {
  const entries = Object.entries(document.prices ?? {}).map(([variant, price]) => [
    variant,
    {
      inputMicroUsdPerMillion: price.inputUsdPerMillion * 1e6,
      outputMicroUsdPerMillion: price.outputUsdPerMillion * 1e6,
    },
  ])
  return Object.fromEntries(entries) as RolloutSpec['prices']
}

function wavesOf(document: RolloutDocument, problems: PolicyProblem[]): readonly WaveSpec[] {
  const waves = document.waves ?? [{ id: 'all' }]
  const ids = new Set<string>()
  waves.forEach((wave, index) => {
    if (ids.has(wave.id))
      problems.push({
        path: ['waves', index, 'id'],
        message: `wave \`${wave.id}\` appears twice`,
        fix: 'give each wave its own id',
      })
    ids.add(wave.id)
  })
  const last = waves.at(-1)
  if (last?.match !== undefined && Object.keys(last.match).length > 0) {
    problems.push({
      path: ['waves', waves.length - 1, 'match'],
      message: 'the last wave does not match everything, but completion moves the whole route',
      fix: 'add a last wave without `match`',
    })
  }
  return waves.map((wave, index) => {
    const own = wave.stages
    const path = own === undefined ? ['stages'] : ['waves', index, 'stages']
    return { id: wave.id, match: wave.match ?? {}, stages: stagesOf(own ?? document.stages, document, path, problems) }
  })
}

function stagesOf(
  stages: readonly StageDocument[] | undefined,
  document: RolloutDocument,
  path: readonly (string | number)[],
  problems: PolicyProblem[],
): readonly StageSpec[] {
  const onLapse = document.onLapse ?? 'baseline'
  const periodMs = document.seasonalPeriod === undefined ? null : parseDuration(document.seasonalPeriod)
  const seasonal = (stage: StageSpec, period: number | null) =>
    period === null || period === 0 ? stage : inWholePeriods(stage, period)
  if (stages === undefined) {
    const stages = defaults.defaultStages[document.change]
    const specs = stages.slice(isLiveOnly(document) ? 1 : 0).map((stage): StageSpec => {
      const spec = {
        ...stage,
        wholePeriodMs: null,
        maxDurationMs: defaults.defaultMaxStageMs,
        approval: 'automatic' as const,
        onLapse,
      }
      return seasonal(spec, periodMs ?? defaults.defaultSeasonalPeriodMs[document.change])
    })
    checkRamp(specs, path, isLiveOnly(document), problems)
    return specs
  }
  const specs = stages.map((stage): StageSpec => {
    const candidateWeight = parseWeight(stage.weight) ?? 0
    const spec: StageSpec = {
      name:
        stage.name ??
        (candidateWeight === 0
          ? 'shadow'
          : candidateWeight === defaults.fullWeight
            ? 'full'
            : `canary-${candidateWeight / 1_000}`),
      candidateWeight,
      minDurationMs: durationOr(stage.minDuration, 0),
      wholePeriodMs: null,
      maxDurationMs: durationOr(stage.maxDuration, defaults.defaultMaxStageMs),
      approval: stage.approval ?? 'automatic',
      onLapse,
    }
    return seasonal(spec, periodMs)
  })
  checkRamp(specs, path, isLiveOnly(document), problems)
  return specs
}

function checkRamp(
  stages: readonly StageSpec[],
  path: readonly (string | number)[],
  liveOnly: boolean,
  problems: PolicyProblem[],
): void {
  const names = new Set<string>()
  stages.forEach((stage, index) => {
    const at = [...path, index]
    const previous = stages[index - 1]
    if (previous === undefined && !liveOnly && stage.candidateWeight !== 0) {
      problems.push({
        path: [...at, 'weight'],
        message: 'the first stage must be the shadow stage',
        fix: 'begin with `- weight: 0%`, or say `shadow: { share: 0 }` when nothing may be mirrored',
      })
    }
    if (previous !== undefined && stage.candidateWeight <= previous.candidateWeight) {
      const floor = formatWeight(previous.candidateWeight)
      problems.push({
        path: [...at, 'weight'],
        message: `weights must grow: ${formatWeight(stage.candidateWeight)} after ${floor}`,
        fix: `use more than ${floor}`,
      })
    }
    if (previous === undefined && liveOnly && stage.candidateWeight === 0) {
      problems.push({
        path: [...at, 'weight'],
        message: 'nothing is shadowed, so a stage at 0% could never end',
        fix: 'begin with a canary such as `- weight: 1%`, or use a shadow share above 0',
      })
    }
    if (names.has(stage.name))
      problems.push({ path: at, message: `stage \`${stage.name}\` appears twice`, fix: 'give it a `name` of its own' })
    names.add(stage.name)
    if (stage.wholePeriodMs !== null && stage.maxDurationMs <= stage.minDurationMs) {
      problems.push({
        path: at,
        message: `whole periods of ${formatDuration(stage.wholePeriodMs)} make the stage last ${formatDuration(stage.minDurationMs)}, and maxDuration ends it at ${formatDuration(stage.maxDurationMs)}`,
        fix: `raise maxDuration above ${formatDuration(stage.minDurationMs)}, or use a shorter seasonalPeriod`,
      })
    } else if (stage.maxDurationMs < stage.minDurationMs) {
      problems.push({
        path: at,
        message: 'maxDuration is shorter than minDuration',
        fix: 'raise maxDuration or lower minDuration',
      })
    }
  })
  if (stages.at(-1)?.candidateWeight !== defaults.fullWeight) {
    problems.push({
      path: [...path, stages.length - 1, 'weight'],
      message: 'the last stage must be 100%',
      fix: 'end with `- weight: 100%`',
    })
  }
}

function checkVariants(document: RolloutDocument, problems: PolicyProblem[]): void {
  const { baseline, candidate } = document
  if (baseline.id === candidate.id) {
    problems.push({
      path: ['candidate', 'id'],
      message: 'candidate and baseline have the same id',
      fix: 'give the candidate its own id',
    })
  }
  for (const arm of ['baseline', 'candidate'] as const)
    for (const name of Object.keys(document[arm].parameters ?? {}).filter((given) => notParameters.includes(given)))
      problems.push({
        path: [arm, 'parameters', name],
        message: `${name} is no parameter of a model: it is what is asked or how it is carried`,
        fix: 'take it out; a prompt is changed by promptVersion, the model by `model`',
      })
  const identity = (variant: VariantDocument) => JSON.stringify({ ...variantOf(variant), id: '' })
  if (identity(baseline) === identity(candidate)) {
    problems.push({
      path: ['candidate'],
      message: 'candidate and baseline are the same',
      fix: 'change its provider, model, promptVersion or parameters',
    })
  }
}

function checkWhole(spec: RolloutSpec, problems: PolicyProblem[]): void {
  if (spec.shadow.share > 0 && spec.shadow.secondLegShare <= 0) {
    problems.push({
      path: ['shadow', 'secondLegShare'],
      message:
        'without second baseline legs there is neither calibration nor a fair comparison of errors and latency in the shadow stage',
      fix: 'use a share above 0, such as 0.1',
    })
  }
  for (const [segment, share] of Object.entries(spec.shadow.segmentShares ?? {}))
    if (share <= spec.shadow.share)
      problems.push({
        path: ['shadow', 'segmentShares', segment],
        message: `${segment} would be shadowed at ${share}, no more often than everybody at ${spec.shadow.share}`,
        fix: `use a share above ${spec.shadow.share}, lower shadow.share, or leave the segment out`,
      })
  if (spec.leaseMs < 5_000) {
    problems.push({ path: ['lease'], message: 'a lease below 5s lapses whenever a gate restarts', fix: 'use 20s' })
  }
}
