import type { Arm, Comparison, Evidence, MetricValue, Place } from '../../services/domain/events/records.ts'
import { compilePlan } from '../../services/domain/gate/compile-plan.ts'
import { type Judgement, judge } from '../../services/domain/gate/judge.ts'
import type { AnalysisPlan, PlannedMetric } from '../../services/domain/gate/plan.ts'
import { accept, type Breach, createRunGate, enterThrough, type RunGate } from '../../services/domain/gate/run-gate.ts'
import { type RunGateData, runGateFromData, runGateToData } from '../../services/domain/gate/run-gate-data.ts'
import { defaultShadow } from '../../services/domain/policy/default-policy.ts'
import type { RolloutDocument } from '../../services/domain/policy/rollout-document.ts'
import { specFromDocument } from '../../services/domain/policy/spec-from-document.ts'
import type { LegFacts } from '../../services/domain/scoring/leg-facts.ts'
import { legOutcome } from '../../services/domain/scoring/leg-outcomes.ts'
import {
  answered,
  fullWeight,
  type LegChange,
  type PairComparison,
  type PairOptions,
  startMs,
  type Traffic,
} from './traffic.ts'

/** The plan that `apply` would keep, of a rollout file with everything at its defaults but for `changes`. */
export function planOf(changes: Partial<RolloutDocument> = {}, attempt = 1): AnalysisPlan {
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
  return compilePlan(result.spec, attempt)
}

const limits = { waitingMax: 1_000_000, unitsMax: 10_000_000 }

/** One record that pairing would emit: the horizon at which it is final, and the metrics that a test reads. */
interface Stream {
  readonly horizonMs: number
  readonly metrics: readonly PlannedMetric[]
}

type Resolutions = Pick<Evidence, 'arm' | 'baseline_resolution' | 'candidate_resolution'>

/** One run's real gate, fed with the evidence that pairing would make of legs, in virtual time. */
export class VirtualRun implements Traffic {
  readonly plan: AnalysisPlan
  gate: RunGate
  nowMs = startMs
  /** All evidence so far, in the order of the log. */
  readonly fed: Evidence[] = []
  /** True when any look said rollback. */
  stopped = false
  /** Arrivals of the candidate's units (pairs, or live units of the candidate) that have been fed. */
  readonly #arrivals: number[] = []
  readonly #streams: Readonly<Record<Comparison, readonly Stream[]>>
  readonly #corrections: { readonly dueMs: number; readonly evidence: Evidence }[] = []
  readonly #keepsEvidence: boolean
  readonly #judgesAtLooks: boolean
  #exchanges = 0
  #place: Place

  constructor(
    plan: AnalysisPlan,
    weight: number,
    options: { readonly keepsEvidence?: boolean; readonly judgesAtLooks?: boolean } = {},
  ) {
    this.plan = plan
    this.gate = createRunGate('run', plan, limits)
    this.#keepsEvidence = options.keepsEvidence ?? false
    this.#judgesAtLooks = options.judgesAtLooks ?? false
    this.#streams = {
      live_ab: streamsOf(plan, 'live_ab'),
      content_ab: streamsOf(plan, 'content_ab'),
      shadow_ab: streamsOf(plan, 'shadow_ab'),
      aa: streamsOf(plan, 'aa'),
    }
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

  get stageEntry(): number {
    return this.#place.stage_entry
  }

  get share(): number {
    return this.weight / fullWeight
  }

  /** From now on everything is of this wave, which has entered its first stage with the run. */
  turnTo(wave: string): void {
    this.#place = { ...this.#place, wave, rule: wave }
  }

  enterStage(weight: number): void {
    this.#place = { ...this.#place, stage_entry: this.#place.stage_entry + 1, candidate_weight: weight }
  }

  live(arm: Arm, unit: string, leg: LegChange, place: Partial<Place> | null = null): void {
    const facts: LegFacts = { ...answered, ...leg, arm, leg: 'live' }
    if (arm === 'candidate') this.#arrivals.push(this.nowMs)
    const isCandidate = arm === 'candidate'
    const resolutions: Resolutions = {
      arm,
      baseline_resolution: isCandidate ? null : facts.resolution,
      candidate_resolution: isCandidate ? facts.resolution : null,
    }
    const at = place === null ? this.#place : { ...this.#place, ...place }
    for (const stream of this.#streams.live_ab) {
      const metrics: MetricValue[] = []
      for (const metric of stream.metrics) {
        const value = legOutcome(metric, facts, true)
        if (value === null) continue
        const { name } = metric
        metrics.push({ name, baseline: isCandidate ? null : value, candidate: isCandidate ? value : null })
      }
      this.#feed(this.#evidence('live_ab', stream, unit, metrics, resolutions, at))
    }
    this.#exchanges += 1
  }

  pair(
    comparison: PairComparison,
    unit: string,
    baseline: LegChange,
    candidate: LegChange,
    { segments = {}, inclusionP = 1, first }: PairOptions = {},
  ): void {
    if (comparison !== 'aa') this.#arrivals.push(this.nowMs)
    const own = {
      segments,
      // Whoever samples asks the baseline a second time for the same part of each segment.
      inclusion_p: comparison === 'shadow_ab' ? inclusionP * defaultShadow.secondLegShare : inclusionP,
    }
    for (const stream of this.#streams[comparison]) {
      const record = (left: LegChange, right: LegChange) => ({
        ...this.#pairEvidence(comparison, stream, unit, left, right),
        ...own,
      })
      if (first === undefined) {
        this.#feed(record(baseline, candidate))
        continue
      }
      this.#feed(record(first.baseline, first.candidate))
      const corrected = { ...record(baseline, candidate), version: 1 }
      if (first.late) this.#corrections.push({ dueMs: this.nowMs + this.#finalMs() + 1, evidence: corrected })
      else this.#feed(corrected)
    }
    this.#exchanges += 1
  }

  wait(ms: number): void {
    this.nowMs += ms
    enterThrough(this.gate, this.nowMs)
    for (let next = this.#corrections[0]; next !== undefined && next.dueMs <= this.nowMs; next = this.#corrections[0]) {
      this.#corrections.shift()
      this.#feed(next.evidence)
    }
  }

  /** A breach is never taken back, so that the last look sees what any number of them would have seen; asking for the whole answer as well is optional. */
  look(): void {
    if (this.rollback() !== null || (this.#judgesAtLooks && this.judge().outcome === 'rollback')) this.stopped = true
  }

  /** From the snapshot, as JSON; what waited is read again from the log. */
  restart(): void {
    const waiting = this.gate.queue.heap.map(({ evidence }) => evidence)
    const data = JSON.parse(JSON.stringify(runGateToData(this.gate))) as RunGateData
    const restored = runGateFromData('run', this.plan, limits, data)
    if (restored === null) throw new Error('the snapshot was refused')
    this.gate = restored
    for (const evidence of waiting) accept(restored, evidence, 0, 0, true)
  }

  /** All that was fed becomes final. */
  settle(): void {
    this.wait(this.#finalMs())
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
    for (const breach of this.gate.breaches) if (breach.action === 'rollback') return breach
    return null
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

  #finalMs(): number {
    return this.plan.legTimeoutMs + this.plan.shadowStartDelayMs + this.plan.graceMs
  }

  #pairEvidence(
    comparison: PairComparison,
    stream: Stream,
    unit: string,
    baseline: LegChange,
    candidate: LegChange,
  ): Evidence {
    const left: LegFacts = {
      ...answered,
      ...baseline,
      arm: 'baseline',
      leg: comparison === 'shadow_ab' ? 'shadow' : 'live',
    }
    const right: LegFacts = {
      ...answered,
      ...candidate,
      arm: comparison === 'aa' ? 'baseline' : 'candidate',
      leg: 'shadow',
    }
    const metrics: MetricValue[] = []
    for (const metric of stream.metrics) {
      const [before, after] = [legOutcome(metric, left, true), legOutcome(metric, right, true)]
      if (before !== null && after !== null) metrics.push({ name: metric.name, baseline: before, candidate: after })
    }
    const resolutions = { arm: null, baseline_resolution: left.resolution, candidate_resolution: right.resolution }
    return this.#evidence(comparison, stream, unit, metrics, resolutions, this.#place)
  }

  #evidence(
    comparison: Comparison,
    stream: Stream,
    unit: string,
    metrics: readonly MetricValue[],
    resolutions: Resolutions,
    place: Place,
  ): Evidence {
    return {
      id: `${this.#exchanges}/${comparison}/${stream.horizonMs}`,
      version: 0,
      place,
      exchange_id: String(this.#exchanges),
      comparison,
      source: 'pairing',
      horizon_ms: stream.horizonMs,
      arrived_at: this.nowMs,
      arm: resolutions.arm,
      baseline_resolution: resolutions.baseline_resolution,
      candidate_resolution: resolutions.candidate_resolution,
      unit,
      assignment_unit: unit,
      turn: 0,
      tenant: 'tenant',
      segments: {},
      inclusion_p: 1,
      metrics,
      late: false,
    }
  }

  #feed(evidence: Evidence): void {
    if (this.#keepsEvidence) this.fed.push(evidence)
    accept(this.gate, evidence, 0, this.#exchanges)
  }
}

/** Records at horizons at which nothing is compared are not emitted, but for the full one; values that no test reads are left out. */
function streamsOf(plan: AnalysisPlan, comparison: Comparison): readonly Stream[] {
  const tests = [...plan.harm, ...plan.advance].filter((test) => comparison === 'aa' || test.comparison === comparison)
  const read = new Set(tests.map((test) => test.metric))
  const metrics = plan.metrics.filter(
    ({ name, comparisons }) =>
      read.has(name) &&
      (comparisons.includes(comparison) || (comparison === 'aa' && comparisons.includes('content_ab'))),
  )
  const horizons = new Set([...metrics.map((metric) => metric.horizonMs), plan.legTimeoutMs])
  return [...horizons].map((horizonMs) => ({
    horizonMs,
    metrics: metrics.filter((metric) => metric.horizonMs === horizonMs),
  }))
}
