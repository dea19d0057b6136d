import type { Margin } from '../gate/plan.ts'
import type { AmountPolicy, MetricPolicy, RolloutSpec } from '../rollout/spec.ts'
import { metricCatalogue } from '../scoring/catalogue.ts'
import { defaultMetrics } from './default-policy.ts'
import type { MetricDocument, PolicyProblem, RolloutDocument } from './rollout-document.ts'
import { parseDuration } from './units-of-measure.ts'

/** Merges the file's metrics over the defaults and checks that each has what its tests need. */
export function metricPolicies(
  document: RolloutDocument,
  known: { readonly golden: boolean; readonly legTimeoutMs: number },
  problems: PolicyProblem[],
): readonly MetricPolicy[] {
  const given = document.metrics ?? {}
  for (const name of Object.keys(given)) {
    if (metricCatalogue.some((metric) => metric.name === name)) continue
    const names = metricCatalogue.map((metric) => metric.name).join(', ')
    problems.push({ path: ['metrics', name], message: `unknown metric \`${name}\``, fix: `use one of ${names}` })
  }
  return defaultMetrics.map((base) => {
    const override = given[base.name]
    const start: MetricPolicy =
      base.name === 'golden_wrong' && known.golden ? { ...base, role: 'guardrail', mustHaveData: true } : base
    const merged = override === undefined ? start : merge(start, override, problems)
    const bounded = boundedByTimeout(merged, known.legTimeoutMs)
    check(bounded, override?.budget !== undefined, known, problems)
    if (override !== undefined) checkAssumptions(base, override, problems)
    // A budget longer than the leg's timeout could never be exceeded before the leg counts as an error.
    return bounded.budgetMs !== null && bounded.budgetMs > known.legTimeoutMs
      ? { ...bounded, budgetMs: known.legTimeoutMs }
      : bounded
  })
}

function merge(base: MetricPolicy, override: MetricDocument, problems: PolicyProblem[]): MetricPolicy {
  const role = override.role ?? base.role
  return {
    name: base.name,
    role,
    mustHaveData:
      override.mustHaveData ?? (role === base.role ? base.mustHaveData : role === 'guardrail' || role === 'primary'),
    margin: override.margin === undefined ? base.margin : marginOf(base.name, override.margin, base.margin, problems),
    harmRule: override.harmRule ?? base.harmRule,
    onBreach: override.onBreach ?? base.onBreach,
    budgetMs: override.budget === undefined ? base.budgetMs : parseDuration(override.budget),
    assumedRate: override.assumedRate ?? base.assumedRate,
    amount: amountOf(base.amount, override),
    ceiling: override.ceiling ?? base.ceiling,
  }
}

function amountOf(base: AmountPolicy | null, given: MetricDocument): AmountPolicy | null {
  if (base === null) return null
  const { largest = base.largest, assumedMean = base.assumedMean, assumedSpread = base.assumedSpread } = given
  return { largest, assumedMean, assumedSpread }
}

/** No leg lasts longer than its timeout. */
function boundedByTimeout(metric: MetricPolicy, legTimeoutMs: number): MetricPolicy {
  const { name, amount } = metric
  if (amount === null || amount.largest !== null || !name.endsWith('_ms')) return metric
  return { ...metric, amount: { ...amount, largest: legTimeoutMs } }
}

function marginOf(
  name: string,
  margin: NonNullable<MetricDocument['margin']>,
  fallback: Margin,
  problems: PolicyProblem[],
): Margin {
  const path = ['metrics', name, 'margin']
  if (margin.absolute !== undefined && margin.relative === undefined && margin.floor === undefined)
    return { kind: 'absolute', value: margin.absolute }
  if (margin.absolute === undefined && margin.relative !== undefined && margin.floor !== undefined) {
    return { kind: 'relative', factor: margin.relative, floor: margin.floor }
  }
  problems.push({
    path,
    message: 'a margin is either absolute, or relative with a floor',
    fix: 'write `{ absolute: 0.01 }` or `{ relative: 0.2, floor: 0.005 }`',
  })
  return fallback
}

/** What is declared of a rate and of an amount differ: the wrong one would be read by nobody. */
function checkAssumptions({ name, amount }: MetricPolicy, given: MetricDocument, problems: PolicyProblem[]): void {
  const wrong =
    amount === null
      ? (['largest', 'assumedMean', 'assumedSpread'] as const).filter((key) => given[key] !== undefined)
      : (['assumedRate'] as const).filter((key) => given[key] !== undefined)
  for (const key of wrong) {
    const [kind, fix] = amount === null ? ['a rate', 'assumedRate'] : ['an amount', 'assumedMean and assumedSpread']
    problems.push({ path: ['metrics', name, key], message: `${name} is ${kind}`, fix: `use ${fix}` })
  }
}

/** An amount that decides is compared up to its largest value; without one a single answer could decide, or none. */
function checkAmount({ name, amount, margin }: MetricPolicy, problems: PolicyProblem[]): void {
  const path = ['metrics', name]
  if (amount !== null && amount.largest === null) {
    problems.push({
      path: [...path, 'largest'],
      message: `${name} decides and has no largest value`,
      fix: `add \`largest\`: what the longest or dearest answer may have; what is above counts as that`,
    })
  }
  if (amount?.largest != null && margin.kind === 'absolute' && margin.value >= amount.largest) {
    problems.push({
      path: [...path, 'margin'],
      message: 'a margin of the largest value or more accepts any amount',
      fix: `use a difference below ${amount.largest}`,
    })
  }
}

function check(
  metric: MetricPolicy,
  budgetWritten: boolean,
  known: { readonly golden: boolean; readonly legTimeoutMs: number },
  problems: PolicyProblem[],
): void {
  const entry = metricCatalogue.find((candidate) => candidate.name === metric.name)
  const deciding = metric.role === 'guardrail' || metric.role === 'primary'
  const path = ['metrics', metric.name]
  if (deciding && metric.name === 'golden_wrong' && !known.golden) {
    problems.push({
      path,
      message: 'golden_wrong decides, but the file names no golden set',
      fix: 'add `golden: { file: … }` or make it a signal',
    })
  }
  if (deciding && metric.name.startsWith('differs_')) {
    problems.push({
      path: [...path, 'role'],
      message:
        'a text that differs is no harm: also the baseline differs from itself, and only the excess over that says anything',
      fix: 'make it a signal; the verdict shows its excess over the noise floor',
    })
  }
  if (deciding && entry?.kind === 'binary' && metric.margin.kind === 'absolute' && metric.margin.value >= 1) {
    problems.push({
      path: [...path, 'margin'],
      message: 'a margin of 1 or more accepts any rate',
      fix: 'use a difference of rates below 1, such as 0.01',
    })
  }
  if (deciding) checkAmount(metric, problems)
  if (deciding && entry?.kind === 'mean' && metric.harmRule !== 'beyond_margin') {
    problems.push({
      path: [...path, 'harmRule'],
      message: 'a mean can only decide by `beyond_margin`',
      fix: 'add `harmRule: beyond_margin`, or make the metric a signal',
    })
  }
  if (budgetWritten && metric.budgetMs !== null && metric.budgetMs > known.legTimeoutMs) {
    problems.push({
      path: [...path, 'budget'],
      message: 'the budget is longer than legTimeout',
      fix: 'lower the budget or raise legTimeout',
    })
  }
}

/** Without calibration some questions have no answer ever, and the run would hold for ever: amounts have no bounds, relative margins no value. */
export function uncalibratedProblems({ calibrationPairs, metrics, shadow }: RolloutSpec): readonly PolicyProblem[] {
  if (calibrationPairs > 0 || shadow.share === 0) return []
  return metrics
    .filter(({ role }) => role === 'guardrail' || role === 'primary')
    .flatMap(({ name, margin }): readonly PolicyProblem[] => {
      const isMean = metricCatalogue.find((metric) => metric.name === name)?.kind === 'mean'
      if (!isMean && margin.kind === 'absolute') return []
      const what = isMean ? 'is an amount, whose bounds are' : 'has a relative margin, which is'
      return [
        {
          path: ['calibrationPairs'],
          message: `${name} ${what} frozen from calibration pairs: without any it is never judged, and the run holds for ever`,
          fix: `calibrate with some (1000 by default), ${isMean ? '' : 'write an absolute margin, '}or make ${name} a signal`,
        },
      ]
    })
}
