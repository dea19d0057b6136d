import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Comparison } from '../events/records.ts'
import type { MetricPolicy, RolloutSpec } from '../rollout/spec.ts'
import { metricCatalogue } from '../scoring/catalogue.ts'
import { plannedLooks } from '../stats/planned-looks.ts'
import { normalQuantile } from '../stats/special-functions/normal.ts'
import { amountPairs } from './advance-amounts.ts'
import { withClaims } from './claim-plan.ts'
import type { AdvanceTest, AnalysisPlan, HarmTest, PlannedMetric } from './plan.ts'
import { betaOfQuestion, isDeciding } from './power-split.ts'
import { discordantOfSlices, sliceSearchPlan } from './slice-search-plan.ts'

/** α of each harm family over the whole run; within a family the tests share it equally. The sum is the false-rollback budget, 5 %. */
export const familyAlpha: Readonly<Record<HarmTest['family'], number>> = {
  error: 0.01,
  safety: 0.01,
  quality: 0.01,
  latency: 0.005,
  cost: 0.005,
  slices: 0.01,
}

const familyOf: Readonly<Record<string, HarmTest['family']>> = {
  error: 'error',
  fast_error: 'error',
  abandoned: 'error',
  refusal: 'safety',
  fast_refusal: 'safety',
  golden_wrong: 'quality',
  judge_loss: 'quality',
  judge_score: 'quality',
  latency_over_budget: 'latency',
  ttft_over_budget: 'latency',
  latency_ms: 'latency',
  ttft_ms: 'latency',
}

const rateRatioMin = 2
const candidateEventsMin = 5

/**
 * Compiles a rollout's policy into the questions that its gate will ask: every metric × comparison × slice with its test, α and margin.
 * The result is a pure function of the spec and the attempt; its hash names it on every verdict.
 *
 * @param attempt from 1. Each further attempt of the same candidate against the same baseline halves the α of advancing, so that asking again and again
 * promotes a bad candidate with at most twice that α in all. Waves side by side share it: each tests at its K-th part (Bonferroni).
 */
export function compilePlan(policy: RolloutSpec, attempt = 1): AnalysisPlan {
  const together = policy.waveOrder === 'together' ? policy.waves.length : 1
  const shared = { ...policy, alphaAdvance: (policy.alphaAdvance * 2 ** (1 - attempt)) / together }
  const looks = plannedLooks({ alpha: shared.alphaAdvance })
  const spec: SharedSpec = { ...shared, betaEach: betaOfQuestion(shared, looks) }
  const metrics = spec.metrics.filter((metric) => metric.role !== 'muted').map((metric) => plannedMetric(metric, spec))
  const guardrails = spec.metrics.filter((metric) => metric.role === 'guardrail')
  const harm = shareAlpha([...guardrails.flatMap((metric) => harmTests(metric, spec)), ...sliceTests(guardrails, spec)])
  const { advance, claim } = withClaims(advanceTests(spec), spec, attempt)
  const body: Omit<AnalysisPlan, 'hash'> = {
    version: 1,
    metrics,
    harm,
    advance,
    search: sliceSearchPlan(spec, harm, metrics),
    looks,
    ...(together > 1 ? { wavesTogether: together } : {}),
    ...(claim === null ? {} : { claim }),
    legTimeoutMs: spec.legTimeoutMs,
    graceMs: spec.graceMs,
    shadowStartDelayMs: Math.max(0, spec.shadow.deadlineMs - spec.legTimeoutMs),
    calibrationPairs: spec.calibrationPairs,
    pairsPerUnitMedian: spec.pairsPerUnitMedian,
    unitsMin: spec.unitsMin,
    stickyKeysMin: spec.stickyKeysMin,
    joinCompletenessMin: spec.joinCompletenessMin,
    inclusionMin:
      spec.inclusionMin === null
        ? null
        : { content_ab: spec.inclusionMin, shadow_ab: spec.inclusionMin * spec.shadow.secondLegShare },
    exceedance: spec.exceedance,
    ...(spec.judges === undefined || spec.judges.length === 0 ? {} : { judges: spec.judges }),
    golden: spec.golden === null ? null : { digest: spec.golden.digest, chunks: spec.golden.chunks },
    prices: spec.prices,
  }
  return { ...body, hash: planHashOf(body) }
}

/** With α and β as each question has them. */
interface SharedSpec extends RolloutSpec {
  readonly betaEach: number
}

/** SHA-256 (hex) of the canonical JSON of a plan without its hash. */
export function planHashOf(plan: Omit<AnalysisPlan, 'hash'>): string {
  const { hash: _, ...body } = plan as AnalysisPlan
  return bytesToHex(sha256(new TextEncoder().encode(canonicalJson(body))))
}

/** JSON with sorted keys, so that equal plans have equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`
}

function plannedMetric(metric: MetricPolicy, spec: RolloutSpec): PlannedMetric {
  const entry = catalogued(metric.name)
  return {
    name: metric.name,
    kind: entry.kind,
    role: metric.role,
    lowerIsBetter: entry.lowerIsBetter,
    mustHaveData: metric.mustHaveData,
    horizonMs: horizonOf(metric, spec),
    budgetMs: metric.budgetMs,
    comparisons: comparisonsOf(metric.name, spec),
  }
}

function horizonOf(metric: MetricPolicy, spec: RolloutSpec): number {
  const { horizon } = catalogued(metric.name)
  switch (horizon.kind) {
    case 'fast':
      return Math.min(horizon.ms, spec.legTimeoutMs)
    default:
      return spec.legTimeoutMs
  }
}

function catalogued(name: string): (typeof metricCatalogue)[number] {
  const entry = metricCatalogue.find((metric) => metric.name === name)
  if (entry === undefined) throw new RangeError(`no metric \`${name}\` in the catalogue`)
  return entry
}

/** Without shadow legs there is nothing to compare but the live arms: a question about pairs would hold the run for ever. */
function comparisonsOf(name: string, spec: RolloutSpec): readonly Comparison[] {
  const { comparisons } = catalogued(name)
  return spec.shadow.share > 0 ? comparisons : comparisons.filter((comparison) => comparison === 'live_ab')
}

/** One guardrail's harm questions: paired where the same request has both answers, by event share where the arms are different people. */
function harmTests(metric: MetricPolicy, spec: SharedSpec): HarmTest[] {
  const entry = catalogued(metric.name)
  const tests: HarmTest[] = []
  for (const comparison of comparisonsOf(metric.name, spec)) {
    if (comparison === 'aa') continue
    if (comparison === 'live_ab') {
      if (entry.kind === 'binary') tests.push(harmTest(metric, spec, comparison, 'event_share', 'canary'))
      continue
    }
    if (metric.harmRule === 'beyond_margin') tests.push(harmTest(metric, spec, comparison, 'beyond_margin', 'any'))
    else if (entry.kind === 'binary') tests.push(harmTest(metric, spec, comparison, 'paired_binary', 'any'))
  }
  if (metric.name === 'latency_over_budget') tests.push(harmTest(metric, spec, 'live_ab', 'exceedance', 'canary'))
  if (metric.ceiling !== null) {
    tests.push({
      ...harmTest(metric, spec, 'live_ab', 'ceiling', 'full'),
      margin: { kind: 'absolute', value: metric.ceiling },
    })
  }
  return tests
}

function harmTest(
  metric: MetricPolicy,
  spec: SharedSpec,
  comparison: Comparison,
  engine: HarmTest['engine'],
  stages: HarmTest['stages'],
): HarmTest {
  const required = requiredInformation(spec, metric) * metric.assumedRate
  return {
    id: `harm/${metric.name}/${comparison}/${engine}`,
    family: familyOf[metric.name] ?? 'cost',
    metric: metric.name,
    comparison,
    slice: null,
    engine,
    rule: engine === 'beyond_margin' ? 'beyond_margin' : 'harm_and_estimate',
    ...directionOf(metric),
    // Replaced by the family's share once all tests are known.
    alpha: 0,
    margin: metric.margin,
    rateRatioMin: engine === 'event_share' ? rateRatioMin : null,
    nullRateRatio: 1,
    candidateEventsMin: engine === 'event_share' ? candidateEventsMin : null,
    burstAbove:
      catalogued(metric.name).horizon.kind === 'fast' ? Math.min(0.5, rateRatioMin * metric.assumedRate) : null,
    tunedForDiscordant: Math.max(10, Math.round((metric.assumedRate * required) / 2)),
    stages,
    onBreach: metric.onBreach,
  }
}

function directionOf(metric: MetricPolicy): { higherIsBetter?: true } {
  return catalogued(metric.name).lowerIsBetter ? {} : { higherIsBetter: true }
}

function sliceTests(guardrails: readonly MetricPolicy[], spec: SharedSpec): HarmTest[] {
  return spec.criticalSlices.flatMap((slice) =>
    guardrails
      .flatMap((metric) => harmTests(metric, spec))
      .filter((test) => test.engine === 'paired_binary' || test.engine === 'beyond_margin')
      .map(
        (test): HarmTest => ({
          ...test,
          id: `${test.id}/${slice.key}=${slice.value}`,
          family: 'slices',
          slice,
          // A part of the slices' α and a part of the traffic: it decides later than the same question about everybody.
          tunedForDiscordant: Math.max(test.tunedForDiscordant, discordantOfSlices),
        }),
      ),
  )
}

function shareAlpha(tests: readonly HarmTest[]): HarmTest[] {
  const count = new Map<HarmTest['family'], number>()
  for (const test of tests) count.set(test.family, (count.get(test.family) ?? 0) + 1)
  return tests.map((test) => ({ ...test, alpha: familyAlpha[test.family] / (count.get(test.family) ?? 1) }))
}

/** ((z_α + z_β) / M)², β as `betaOfQuestion` divides it. */
function requiredInformation(spec: SharedSpec, metric: MetricPolicy): number {
  const zAlpha = normalQuantile(1 - spec.alphaAdvance)
  const zBeta = normalQuantile(1 - spec.betaEach)
  if (metric.amount !== null) return (zBeta + Math.sqrt(zBeta ** 2 - 2 * Math.log(spec.alphaAdvance))) ** 2
  return ((zAlpha + zBeta) / assumedMargin(metric)) ** 2
}

/** The margin before calibration: a relative one is taken of the assumed rate or mean. */
export function assumedMargin({ margin, assumedRate, amount }: MetricPolicy): number {
  return margin.kind === 'absolute'
    ? margin.value
    : Math.max(margin.floor, margin.factor * (amount?.assumedMean ?? assumedRate))
}

/** @throws RangeError for an amount without one; `lint` says so first */
function largestOf({ name, amount }: MetricPolicy): number {
  if (amount?.largest == null) throw new RangeError(`metric \`${name}\` decides and has no largest value`)
  return amount.largest
}

/**
 * Non-inferiority at the planned looks: paired in both kinds of stage where content is compared, unpaired on live arms in the canary. Amounts are
 * compared in pairs alone, those of shadow legs also during the canary.
 */
function advanceTests(spec: SharedSpec): AdvanceTest[] {
  const overall = spec.metrics.filter(isDeciding).flatMap((metric) => {
    const comparisons = comparisonsOf(metric.name, spec)
    const isMean = metric.amount !== null
    const tests: AdvanceTest[] = []
    const paired = (['content_ab', 'shadow_ab'] as const).find((comparison) => comparisons.includes(comparison))
    if (paired !== undefined) tests.push(advanceTest(spec, metric, paired, 'shadow'))
    if (paired === 'content_ab' || (paired !== undefined && isMean))
      tests.push(advanceTest(spec, metric, paired, 'canary'))
    if (comparisons.includes('live_ab') && !isMean) tests.push(advanceTest(spec, metric, 'live_ab', 'canary'))
    return tests
  })
  const slices = spec.criticalSlices.flatMap((slice) =>
    overall
      .filter((test) => test.engine !== 'farrington_manning')
      .map((test): AdvanceTest => {
        const inSlice = (id: string) => `${id}/${slice.key}=${slice.value}`
        const carriesFrom = test.carriesFrom == null ? null : inSlice(test.carriesFrom)
        return { ...test, id: inSlice(test.id), slice, carriesFrom }
      }),
  )
  return [...overall, ...slices]
}

function advanceTest(
  spec: SharedSpec,
  metric: MetricPolicy,
  comparison: Comparison,
  stages: AdvanceTest['stages'],
): AdvanceTest {
  const informationFixed = requiredInformation(spec, metric)
  const engine = metric.amount !== null ? 'paired_mean' : comparison === 'live_ab' ? 'farrington_manning' : 'tango'
  // A difference of M needs at least a rate of M: sizing below that would promise looks that no data can pass.
  const margin = assumedMargin(metric)
  const rate =
    metric.amount === null
      ? Math.min(0.999, Math.max(metric.assumedRate, margin))
      : (metric.amount.assumedSpread / margin) ** 2
  return {
    id: `advance/${stages}/${metric.name}/${comparison}`,
    metric: metric.name,
    comparison,
    slice: null,
    engine,
    ...directionOf(metric),
    alpha: spec.alphaAdvance,
    margin: metric.margin,
    assumedRate: rate,
    informationFixed,
    // Unpaired: candidate units when the baseline arm is much larger; the share of a stage can only raise it.
    requiredUnits:
      metric.amount === null
        ? Math.ceil(informationFixed * (engine === 'tango' ? rate : rate * (1 - rate)))
        : amountPairs(informationFixed, spec.alphaAdvance, rate, largestOf(metric) / margin),
    ...(metric.amount === null ? {} : { largest: largestOf(metric) }),
    stages,
    carriesFrom:
      spec.carryOver === true && engine === 'tango' && comparison === 'content_ab' && stages === 'canary'
        ? `advance/shadow/${metric.name}/content_ab`
        : null,
  }
}
