import type { Comparison, Evidence, MetricValue } from '../../../services/domain/events/records.ts'
import { compilePlan } from '../../../services/domain/gate/compile-plan.ts'
import { judge } from '../../../services/domain/gate/judge.ts'
import type { AnalysisPlan } from '../../../services/domain/gate/plan.ts'
import { accept, createRunGate, enterThrough, type RunGate } from '../../../services/domain/gate/run-gate.ts'
import { runGateToData } from '../../../services/domain/gate/run-gate-data.ts'
import type { RolloutDocument } from '../../../services/domain/policy/rollout-document.ts'
import { specFromDocument } from '../../../services/domain/policy/spec-from-document.ts'
import { type SeededRandom, seededRandom } from '../../../services/domain/stats/bootstrap/seeded-random.ts'
import { type Timing, timed } from './timing.ts'

const records = 200_000
const repetitions = 5

export interface EvidenceResult {
  readonly comparison: Comparison
  readonly records: number
  /** Metrics in each record, and tests of the plan that read it. */
  readonly metrics: number
  readonly tests: number
  readonly microsPerRecord: number
  readonly microsPerMetric: number
  readonly microsPerTest: number
  /** One verdict over everything. */
  readonly judge: Timing
  /** Heap that the gate holds after all records, and its snapshot, bytes. */
  readonly heapBytes: number
  readonly snapshotBytes: number
}

/** The default plan of `change: model` fed one record at a time: acceptance, order, units, every e-process, every look. */
export function benchEvidence(): readonly EvidenceResult[] {
  const plan = defaultPlan()
  return (['shadow_ab', 'content_ab', 'live_ab'] as const).map((comparison) => benchComparison(plan, comparison))
}

function defaultPlan(): AnalysisPlan {
  const document: RolloutDocument = {
    name: 'bench',
    route: 'route',
    change: 'model',
    baseline: { id: 'a', provider: 'p', model: 'a' },
    candidate: { id: 'b', provider: 'p', model: 'b' },
    routers: ['r'],
    calibrationPairs: 0,
  }
  const result = specFromDocument(document, null)
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  return compilePlan(result.spec)
}

function benchComparison(plan: AnalysisPlan, comparison: Comparison): EvidenceResult {
  const metrics = plan.metrics.filter(
    (metric) => metric.horizonMs === plan.legTimeoutMs && metric.comparisons.includes(comparison),
  )
  const names = new Set(metrics.map((metric) => metric.name))
  const kind = comparison === 'live_ab' ? 'canary' : 'shadow'
  const reads = (test: { readonly comparison: Comparison; readonly metric: string; readonly stages: string }) =>
    test.comparison === comparison && names.has(test.metric) && (test.stages === 'any' || test.stages === kind)
  const tests = plan.harm.filter(reads).length + plan.advance.filter(reads).length
  feed(plan, comparison, 20_000)
  const heapBefore = heap()
  const runs = Array.from({ length: repetitions }, () => feed(plan, comparison, records))
  const median = runs.sort((a, b) => a.micros - b.micros)[Math.floor(repetitions / 2)]
  if (median === undefined) throw new Error('nothing was fed')
  const { gate, micros } = median
  // The others go, so that the heap is that of one.
  runs.length = 0
  const heapBytes = heap() - heapBefore
  const weight = comparison === 'live_ab' ? 10_000 : 0
  const stage = { wave: 'all', stageEntry: 1, stageName: kind, candidateWeight: weight, approved: false }
  return {
    comparison,
    records,
    metrics: metrics.length,
    tests,
    microsPerRecord: micros,
    microsPerMetric: micros / metrics.length,
    microsPerTest: micros / tests,
    judge: timed(50, () => judge(gate, stage)).timing,
    heapBytes,
    snapshotBytes: JSON.stringify(runGateToData(gate)).length,
  }
}

interface Fed {
  readonly gate: RunGate
  /** Of one record. */
  readonly micros: number
}

/**
 * In batches of a thousand that are let go afterwards, as a consumer hands them over; each record waits until its horizon has passed. Making a batch is
 * not timed.
 */
function feed(plan: AnalysisPlan, comparison: Comparison, count: number): Fed {
  const random = seededRandom(comparison)
  const gate = createRunGate('bench', plan, { waitingMax: 100_000, unitsMax: 2_000_000 })
  let ms = 0
  for (let from = 0; from < count; from += 1_000) {
    const batch = Array.from({ length: 1_000 }, (_, index) => recordOf(plan, comparison, from + index, random))
    const begun = performance.now()
    for (const [offset, record] of batch.entries()) accept(gate, record, 0, from + offset)
    enterThrough(gate, batch.at(-1)?.arrived_at ?? 0)
    ms += performance.now() - begun
  }
  const begun = performance.now()
  enterThrough(gate, Number.MAX_SAFE_INTEGER)
  ms += performance.now() - begun
  if (gate.counts.entered !== count) throw new Error(`${gate.counts.entered} of ${count} entered`)
  return { gate, micros: (ms * 1_000) / count }
}

function recordOf(plan: AnalysisPlan, comparison: Comparison, index: number, random: SeededRandom): Evidence {
  const live = comparison === 'live_ab'
  const arm = live ? (random.uniform() < 0.1 ? 'candidate' : 'baseline') : null
  const outcome = (kind: 'binary' | 'mean') =>
    kind === 'binary' ? (random.uniform() < 0.06 ? 1 : 0) : 500 + 100 * random.uniform()
  const metrics = plan.metrics
    .filter((metric) => metric.horizonMs === plan.legTimeoutMs && metric.comparisons.includes(comparison))
    .map(
      (metric): MetricValue => ({
        name: metric.name,
        baseline: arm === 'candidate' ? null : outcome(metric.kind),
        candidate: arm === 'baseline' ? null : outcome(metric.kind),
      }),
    )
  return {
    id: `id-${String(index).padStart(8, '0')}`,
    version: 0,
    place: {
      run: 'bench',
      wave: 'all',
      stage_entry: 1,
      stage: live ? 'canary' : 'shadow',
      epoch: 1,
      rule: 'all',
      candidate_weight: live ? 10_000 : 0,
    },
    exchange_id: `x${index}`,
    comparison,
    source: 'pairing',
    horizon_ms: plan.legTimeoutMs,
    arrived_at: 1_000_000 + index * 10,
    arm,
    baseline_resolution: arm === 'candidate' ? null : 'answered',
    candidate_resolution: arm === 'baseline' ? null : 'answered',
    unit: `unit-${index}-padded-to-length`,
    assignment_unit: `key-${index}-padded-to-length`,
    turn: 0,
    tenant: 't',
    segments: {},
    inclusion_p: 1,
    metrics,
    late: false,
  }
}

function heap(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
