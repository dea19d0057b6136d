import type { Evidence } from '../events/records.ts'
import { planHashOf } from './compile-plan.ts'
import type { AppliedCorrection } from './corrections.ts'
import { judge } from './judge.ts'
import type { AnalysisPlan } from './plan.ts'
import { accept, createRunGate, enterThrough, noteApprovals, type RunGate } from './run-gate.ts'
import type { Verdict } from './verdict.ts'

/** The first field in which a recomputed verdict is not the recorded one; values as JSON, `nothing` for one that is not there. */
export interface Difference {
  readonly field: string
  readonly recorded: string
  readonly recomputed: string
}

const unjudged: Difference = {
  field: 'judged',
  recorded: 'nothing',
  recomputed: JSON.stringify('a record made before what was judged was kept with it'),
}

/**
 * Recomputes a verdict from the plan and the evidence that had entered by its frontier, and compares every number of it. Left out is what rests on the
 * wall clock (when the next look is expected), who gave it, and how far the log had been read beyond the frontier.
 * @param evidence of the run, in any order; what the gate could not have entered by then does no harm
 * @returns null when they are equal
 */
export function replayVerdict(
  run: string,
  plan: AnalysisPlan,
  verdict: Verdict,
  evidence: readonly Evidence[],
): Difference | null {
  const hash = planHashOf(plan)
  if (hash !== verdict.planHash) return differenceIn('planHash', verdict.planHash, hash)
  if (verdict.judged === undefined || verdict.limits === undefined) return unjudged
  // All of it is offered at once here: how much may wait says nothing of a gate that entered its evidence as it came.
  const gate = createRunGate(run, plan, { ...verdict.limits, waitingMax: Number.POSITIVE_INFINITY })
  noteApprovals(gate, verdict.judged.approvals ?? [])
  const { first, corrections } = asRead(evidence, verdict.corrections ?? [])
  for (const record of first) if (record.place.run === run) accept(gate, record, 0, 0)
  for (const { record, atMs } of corrections) {
    enterThrough(gate, atMs)
    accept(gate, record, 0, 0)
  }
  enterThrough(gate, verdict.frontierMs)
  return verdictDifference(gate, verdict)
}

/** The first field in which a verdict is not what this gate, which has entered the evidence up to the verdict's frontier, says of the same stage. */
export function verdictDifference(gate: RunGate, verdict: Verdict): Difference | null {
  if (verdict.judged === undefined || verdict.counts === undefined) return unjudged
  const answer = judge(gate, verdict.judged)
  const { frozen } = gate.calibration
  const { outcome, reasonCode, reason, metrics, findings, instrument, n, nRequired } = answer
  const entered = differenceIn('counts.entered', verdict.counts.entered, gate.counts.entered)
  const said =
    // Calibration is told beside the answer, which may be anything then.
    verdict.outcome === 'calibrated'
      ? firstDifference('frozen', verdict.frozen, frozen)
      : firstDifference('', pick(verdict), { outcome, reasonCode, reason, n, nRequired })
  return (
    entered ??
    said ??
    firstDifference('metrics', verdict.metrics, metrics) ??
    firstDifference('findings', verdict.findings ?? [], findings) ??
    (verdict.instrument === undefined ? null : firstDifference('instrument', verdict.instrument, instrument))
  )
}

/**
 * The evidence as the gate had read it when it entered, and its corrections at the moments at which they came. A store keeps the newest version of a record;
 * what stood before is on the verdict.
 */
function asRead(evidence: readonly Evidence[], applied: readonly AppliedCorrection[]) {
  const newest = new Map<string, Evidence>()
  for (const record of evidence)
    if (record.version >= (newest.get(record.id)?.version ?? 0)) newest.set(record.id, record)
  const corrected = new Set(applied.map(({ id }) => id))
  const first = evidence.filter(({ id }) => !corrected.has(id))
  const corrections: { readonly record: Evidence; readonly atMs: number }[] = []
  for (const { id, version, atMs, before } of [...applied].reverse()) {
    const record = newest.get(id)
    if (record === undefined) continue
    corrections.unshift({ record: { ...record, version }, atMs })
    const metrics = record.metrics.map((metric) => before.metrics.find(({ name }) => name === metric.name) ?? metric)
    newest.set(id, { ...record, version: before.version, metrics })
  }
  for (const id of corrected) first.push(...[newest.get(id)].flatMap((record) => record ?? []))
  return { first, corrections }
}

function pick({ outcome, reasonCode, reason, n, nRequired }: Verdict) {
  return { outcome, reasonCode, reason, n, nRequired }
}

function firstDifference(field: string, recorded: unknown, recomputed: unknown): Difference | null {
  if (!isObject(recorded) || !isObject(recomputed)) return differenceIn(field, recorded, recomputed)
  for (const key of new Set([...Object.keys(recorded), ...Object.keys(recomputed)])) {
    const path = field === '' ? key : `${field}.${key}`
    const found = firstDifference(nameIn(path, recorded[key]), recorded[key], recomputed[key])
    if (found !== null) return found
  }
  return null
}

/** A test is named rather than numbered: `metrics.harm/refusal/content_ab/paired_binary.estimate`. */
function nameIn(path: string, value: unknown): string {
  const test = isObject(value) ? value['test'] : undefined
  return typeof test === 'string' ? path.replace(/\.\d+$/, `.${test}`) : path
}

function differenceIn(field: string, recorded: unknown, recomputed: unknown): Difference | null {
  const [a, b] = [textOf(recorded), textOf(recomputed)]
  return a === b ? null : { field, recorded: a, recomputed: b }
}

/** As it stands in the record: what JSON does to a number is done to both. */
function textOf(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
