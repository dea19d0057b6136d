import { amountPairs } from '../gate/advance-amounts.ts'
import { assumedMargin } from '../gate/compile-plan.ts'
import type { AdvanceTest, AnalysisPlan, Slice } from '../gate/plan.ts'
import type { RolloutSpec, StageSpec, WaveSpec } from '../rollout/spec.ts'
import { crossingProbabilities } from '../stats/sequential/alpha-spending.ts'
import { normalCdf } from '../stats/special-functions/normal.ts'
import { audienceShares } from './audience.ts'
import { countWithin, hourMs, hoursUntil, type TrafficProfile } from './traffic-profile.ts'

/** One look of one question, if the candidate is exactly as good as the baseline and rates are as assumed. */
export interface PlannedLook {
  /** Pairs, or units of the candidate. */
  readonly units: number
  /** From the entry of the stage; null: never, the traffic brings none. */
  readonly hours: number | null
  readonly atMs: number | null
  /** Chance of having passed by this look. */
  readonly power: number
}

/** "May it advance?" for one metric, comparison and segment in one stage. */
export interface PlannedQuestion {
  readonly test: string
  readonly metric: string
  readonly comparison: AdvanceTest['comparison']
  readonly slice: Slice
  readonly counts: 'pairs' | 'candidate_units'
  /** A difference of rates, or of an amount in its own unit. */
  readonly margin: number
  readonly marginIn: 'rate' | 'amount'
  readonly looks: readonly PlannedLook[]
  /** Units that arrive within the stage's maximum duration. */
  readonly unitsInTime: number
  /** Smallest margin that those can show at the planned look, with the power that the plan asks for; null when none can. */
  readonly detectable: number | null
}

/** What is planned: the rollout as compiled, the traffic it will meet, and when it starts. */
export interface PlanInput {
  readonly spec: RolloutSpec
  readonly plan: AnalysisPlan
  readonly traffic: TrafficProfile
  readonly startMs: number
}

/** One stage, with the moment at which it is entered as the start. */
export interface StagePlace extends PlanInput {
  readonly wave: WaveSpec
  readonly stage: StageSpec
}

const fullWeight = 100_000

/** Questions of a stage, each with its looks. Without questions (full weight, or nothing decides): none. */
export function plannedQuestions(place: StagePlace, calibratedHours: number | null): readonly PlannedQuestion[] {
  const { plan, stage } = place
  if (stage.candidateWeight >= fullWeight) return []
  const kind = stage.candidateWeight === 0 ? 'shadow' : 'canary'
  return plan.advance
    .filter((test) => test.stages === kind)
    .map((test) => plannedQuestion(place, test, calibratedHours))
}

function plannedQuestion(place: StagePlace, test: AdvanceTest, calibratedHours: number | null): PlannedQuestion {
  const { plan, spec, stage, startMs } = place
  // A test's own assumed rate lies no lower than its margin; what the margin is relative to is the policy's.
  const policy = spec.metrics.find((metric) => metric.name === test.metric)
  if (policy === undefined)
    throw new RangeError(`question \`${test.id}\` is about a metric that the rollout does not have`)
  const margin = assumedMargin(policy)
  const isAmount = test.engine === 'paired_mean'
  const hourly = hourlyUnits(place, test)
  const power = isAmount ? betPower(test, plan) : powerAtLooks(plan, margin * Math.sqrt(informationMax(test, plan)))
  const looks = plan.looks.map((look, index): PlannedLook => {
    const information = look.fraction * informationMax(test, plan)
    // A gate permits nothing on fewer units than `unitsMin`, whatever they say.
    const units = Math.max(plan.unitsMin, Math.ceil(unitsFor(test, information, margin, stage) - 1e-9))
    const alone = hoursUntil(hourly, startMs, units)
    const hours = alone === null || calibratedHours === null ? null : Math.max(alone, calibratedHours)
    return { units, hours, atMs: hours === null ? null : startMs + hours * hourMs, power: power[index] ?? 0 }
  })
  const unitsInTime = countWithin(hourly, startMs, stage.maxDurationMs / hourMs)
  return {
    test: test.id,
    metric: test.metric,
    comparison: test.comparison,
    slice: test.slice,
    counts: test.engine === 'farrington_manning' ? 'candidate_units' : 'pairs',
    margin,
    marginIn: isAmount ? 'amount' : 'rate',
    looks,
    unitsInTime,
    detectable: detectableIn(test, unitsInTime, margin, place),
  }
}

function informationMax(test: AdvanceTest, plan: AnalysisPlan): number {
  return test.informationFixed / (plan.looks[0]?.fraction ?? 1)
}

/**
 * Units that carry an information, at the assumed rate but not below the margin (a difference of M needs that many events), as the gate counts it.
 * Pairs: I·ψ; of amounts, as the bet needs them. Live arms at the candidate's share w: n₁ = I·p(1−p)/(1−w), because 1/n₁ + 1/n₀ = 1/(n₁(1−w)).
 */
function unitsFor(test: AdvanceTest, information: number, margin: number, stage: StageSpec): number {
  if (test.engine === 'paired_mean')
    return amountPairs(information, test.alpha, test.assumedRate, (test.largest ?? 0) / margin)
  const rate = Math.min(1, Math.max(test.assumedRate, margin))
  if (test.engine === 'tango') return information * rate
  return (information * rate * (1 - rate)) / (1 - stage.candidateWeight / fullWeight)
}

/** Usable units an hour, where as many legs are lost as the gate still accepts. Only exchanges that the baseline answers are shadowed. */
function hourlyUnits(place: StagePlace, test: AdvanceTest): readonly number[] {
  const { spec, traffic, wave, stage, plan } = place
  const weight = stage.candidateWeight / fullWeight
  const { secondLegShare, segmentShares } = spec.shadow
  // What is sampled beyond everybody's share counts for its own segment alone.
  const share = Math.max(spec.shadow.share, segmentShares?.[`${test.slice?.key}=${test.slice?.value}`] ?? 0)
  const sampled = {
    content_ab: (1 - weight) * share,
    shadow_ab: (1 - weight) * share * secondLegShare,
    aa: (1 - weight) * share * secondLegShare,
    live_ab: weight,
  }[test.comparison]
  const audience = audienceShares(spec, traffic, wave, test.slice)
  const golden = test.metric === 'golden_wrong' ? traffic.hourlyGolden : null
  return traffic.hourlyRequests.map((requests, hour) => {
    const units = traffic.hourlyUnits?.[hour] ?? requests
    const known = golden === null || requests === 0 ? 1 : (golden[hour] ?? 0) / requests
    return units * known * (audience[hour] ?? 0) * sampled * plan.joinCompletenessMin
  })
}

/**
 * Chance of having passed by each look when Δ = 0: Z has the mean −M·√I there. `drift` = M·√I_max; (z_α + z_β)·√2 for a test sized by the plan.
 * Normal approximation, as everywhere in planning.
 */
function powerAtLooks(plan: AnalysisPlan, drift: number): readonly number[] {
  return crossingProbabilities({
    information: plan.looks.map(({ fraction }) => fraction),
    z: plan.looks.map(({ bound }) => bound),
    drift: Math.min(30, drift),
    sides: 1,
  }).above
}

/**
 * Chance that the bet on an amount has passed by each look's information, counted in margins: ln E is then near a normal walk of drift I/2 and variance I.
 */
function betPower(test: AdvanceTest, plan: AnalysisPlan): readonly number[] {
  return plan.looks.map(({ fraction }) => {
    const information = fraction * informationMax(test, plan)
    return normalCdf((information / 2 + Math.log(test.alpha)) / Math.sqrt(information))
  })
}

/** Smallest margin whose first look needs no more units than there are: (z_α + z_β)² / M² information at max(rate, M). Halving; units fall with M. */
function detectableIn(test: AdvanceTest, units: number, margin: number, { stage, plan }: StagePlace): number | null {
  // An amount's information is counted in margins, and its spread with it: another margin is another information.
  const needed = (candidate: number) =>
    Math.max(plan.unitsMin, unitsFor(test, test.informationFixed * (margin / candidate) ** 2, candidate, stage))
  let [low, high] = test.largest === undefined ? [1e-6, 0.999] : [test.largest * 1e-6, test.largest * 0.999]
  if (needed(high) > units) return null
  for (let step = 0; step < 60; step += 1) {
    const middle = Math.sqrt(low * high)
    if (needed(middle) > units) low = middle
    else high = middle
  }
  return high
}
