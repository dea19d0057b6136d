import type { Arm, Comparison, Evidence, MetricValue, Place } from '../../services/domain/events/records.ts'
import { compilePlan } from '../../services/domain/gate/compile-plan.ts'
import { type Judgement, judge } from '../../services/domain/gate/judge.ts'
import type { AnalysisPlan } from '../../services/domain/gate/plan.ts'
import { accept, type Breach, createRunGate, enterThrough, type RunGate } from '../../services/domain/gate/run-gate.ts'
import type { RolloutDocument } from '../../services/domain/policy/rollout-document.ts'
import { specFromDocument } from '../../services/domain/policy/spec-from-document.ts'
import type { LegFacts } from '../../services/domain/scoring/leg-facts.ts'
import { legOutcome } from '../../services/domain/scoring/leg-outcomes.ts'

/** Uniform numbers in [0, 1) from a seed (xorshift128, Marsaglia 2003): the same run for the same seed on every machine. */
export function uniforms(seed: number): () => number {
  let [x, y, z, w] = [123_456_789 ^ seed, 362_436_069 ^ (seed * 747_796_405), 521_288_629, 88_675_123]
  const next = () => {
    const t = x ^ (x << 11)
    ;[x, y, z] = [y, z, w]
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    return (w >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 20; i += 1) next()
  return next
}

/** The plan that `apply` would keep, of a rollout file with everything at its defaults but for `changes`. */
export function planOf(changes: Partial<RolloutDocument> = {}): AnalysisPlan {
  const document: RolloutDocument = {
    name: 'simulated',
    route: 'route',
    change: 'model',
    baseline: { id: 'a', provider: 'p', model: 'a' },
    candidate: { id: 'b', provider: 'p', model: 'b' },
    routers: ['router'],
    calibrationPairs: 0,
    ...changes,
  }
  const result = specFromDocument(document, null)
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  return compilePlan(result.spec)
}

const answered: Omit<LegFacts, 'arm' | 'leg'> = {
  resolution: 'answered',
  durationMs: 800,
  ttftMs: 200,
  inputTokens: 100,
  outputTokens: 100,
  costMicroUsd: 100,
  refused: false,
  lengthChars: 400,
  exactHash: '',
  normalisedHash: '',
  goldenWrong: null,
  hasOutput: true,
  isWhole: true,
}

export type LegChange = Partial<typeof answered>

const startMs = 1_800_000_000_000
const fullWeight = 100_000

/** One run's real gate, fed with the evidence that pairing would make of legs, in virtual time. */
export class VirtualRun {
  readonly plan: AnalysisPlan
  readonly gate: RunGate
  nowMs = startMs
  /** All evidence so far, in the order of the log. */
  readonly fed: Evidence[] = []
  /** Arrivals of the candidate's units (pairs, or live units of the candidate) that have been fed. */
  readonly #arrivals: number[] = []
  #exchanges = 0
  #place: Place

  constructor(plan: AnalysisPlan, weight: number) {
    this.plan = plan
    this.gate = createRunGate('run', plan, { waitingMax: 1_000_000, unitsMax: 10_000_000 })
    this.#place = {
      run: 'run',
      wave: 'all',
      stage_entry: 1,
      stage: 'stage',
      epoch: 1,
      rule: 'all',
      candidate_weight: weight,
    }
  }

  get weight(): number {
    return this.#place.candidate_weight
  }

  /** The next stage entry, at another weight. */
  enterStage(weight: number): void {
    this.#place = { ...this.#place, stage_entry: this.#place.stage_entry + 1, candidate_weight: weight }
  }

  /** A live exchange of one unit; `place` for rules of their own. */
  live(arm: Arm, unit: string, leg: LegChange, place: Partial<Place> = {}): void {
    const facts: LegFacts = { ...answered, ...leg, arm, leg: 'live' }
    if (arm === 'candidate') this.#arrivals.push(this.nowMs)
    for (const horizonMs of this.#horizons()) {
      const metrics = this.#metrics('live_ab', horizonMs, (metric) => {
        const value = legOutcome(metric, facts, true)
        return value === null
          ? null
          : { baseline: arm === 'baseline' ? value : null, candidate: arm === 'candidate' ? value : null }
      })
      this.#feed('live_ab', horizonMs, unit, metrics, { arm, [`${arm}_resolution`]: facts.resolution }, place)
    }
    this.#exchanges += 1
  }

  /** A pair of legs: live against shadow (content_ab) or both in the shadow (shadow_ab). */
  pair(
    comparison: 'content_ab' | 'shadow_ab',
    unit: string,
    baseline: LegChange,
    candidate: LegChange,
    segments: Readonly<Record<string, string>> = {},
  ): void {
    const legs = {
      baseline: { ...answered, ...baseline, arm: 'baseline', leg: comparison === 'content_ab' ? 'live' : 'shadow' },
      candidate: { ...answered, ...candidate, arm: 'candidate', leg: 'shadow' },
    } as const
    this.#arrivals.push(this.nowMs)
    for (const horizonMs of this.#horizons()) {
      const metrics = this.#metrics(comparison, horizonMs, (metric) => {
        const [left, right] = [legOutcome(metric, legs.baseline, true), legOutcome(metric, legs.candidate, true)]
        return left === null || right === null ? null : { baseline: left, candidate: right }
      })
      const resolutions = {
        baseline_resolution: legs.baseline.resolution,
        candidate_resolution: legs.candidate.resolution,
        segments,
      }
      this.#feed(comparison, horizonMs, unit, metrics, resolutions, {})
    }
    this.#exchanges += 1
  }

  /** Time passes, and what is final by then enters. */
  wait(ms: number): void {
    this.nowMs += ms
    enterThrough(this.gate, this.nowMs)
  }

  /** All that was fed becomes final. */
  settle(): void {
    this.wait(this.plan.legTimeoutMs + this.plan.shadowStartDelayMs + this.plan.graceMs)
  }

  judge(): Judgement {
    return judge(this.gate, {
      wave: this.#place.wave,
      stageEntry: this.#place.stage_entry,
      stageName: this.#place.stage,
      candidateWeight: this.weight,
      approved: false,
    })
  }

  /** The first breach that latches; null while there is none. */
  rollback(): Breach | null {
    return this.gate.breaches.find((breach) => breach.action === 'rollback') ?? null
  }

  get candidateUnits(): number {
    return this.#arrivals.length
  }

  /** Units of the candidate that had arrived by the record with which the gate latched: how much it had to see. */
  unitsSeen(): number {
    const breach = this.rollback()
    const test = this.plan.harm.find(({ id }) => id === breach?.test)
    const metric = this.plan.metrics.find(({ name }) => name === test?.metric)
    if (breach === null || test === undefined || metric === undefined) return Number.POSITIVE_INFINITY
    const delayMs = test.comparison === 'live_ab' ? 0 : this.plan.shadowStartDelayMs
    const arrivedMs = breach.releaseMs - delayMs - metric.horizonMs - this.plan.graceMs
    return this.#arrivals.filter((arrival) => arrival <= arrivedMs).length
  }

  /** The candidate's share of the units of this stage. */
  get share(): number {
    return this.weight / fullWeight
  }

  #horizons(): readonly number[] {
    return [...new Set([...this.plan.metrics.map((metric) => metric.horizonMs), this.plan.legTimeoutMs])]
  }

  #metrics(
    comparison: Comparison,
    horizonMs: number,
    outcomeOf: (
      metric: AnalysisPlan['metrics'][number],
    ) => { baseline: number | null; candidate: number | null } | null,
  ): readonly MetricValue[] {
    return this.plan.metrics.flatMap((metric): readonly MetricValue[] => {
      if (metric.horizonMs !== horizonMs || !metric.comparisons.includes(comparison)) return []
      const value = outcomeOf(metric)
      return value === null ? [] : [{ name: metric.name, ...value }]
    })
  }

  #feed(
    comparison: Comparison,
    horizonMs: number,
    unit: string,
    metrics: readonly MetricValue[],
    own: Partial<Evidence>,
    place: Partial<Place>,
  ): void {
    const evidence: Evidence = {
      id: `${this.#exchanges}/${comparison}/${horizonMs}`,
      version: 0,
      place: { ...this.#place, ...place },
      exchange_id: String(this.#exchanges),
      comparison,
      source: 'pairing',
      horizon_ms: horizonMs,
      arrived_at: this.nowMs,
      arm: null,
      baseline_resolution: null,
      candidate_resolution: null,
      unit,
      assignment_unit: unit,
      turn: 0,
      tenant: 'tenant',
      segments: {},
      inclusion_p: 1,
      metrics,
      late: false,
      ...own,
    }
    this.fed.push(evidence)
    accept(this.gate, evidence, 0, this.#exchanges)
  }
}
