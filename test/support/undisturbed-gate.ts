import type { Evidence } from '../../services/domain/events/records.ts'
import type { Approval } from '../../services/domain/gate/approval-guard.ts'
import {
  accept,
  createRunGate,
  enterThrough,
  noteApprovals,
  type RunGate,
  releaseTimeOf,
} from '../../services/domain/gate/run-gate.ts'
import { type RunGateData, runGateToData } from '../../services/domain/gate/run-gate-data.ts'
import type { Run } from '../../services/domain/rollout/run.ts'

/** A gate to which nothing happened, that has entered what had been released by `throughMs`, and that knew of those approvals; by default of all that the run has. */
export async function undisturbedGate(
  run: Run,
  throughMs: number,
  evidence: readonly { readonly releaseMs: number; read(): Evidence | Promise<Evidence> }[],
  approvals: readonly Approval[] = run.state.overrides,
): Promise<RunGate> {
  const gate = createRunGate(run.id, run.plan, { waitingMax: Number.MAX_SAFE_INTEGER, unitsMax: 1_000_000 })
  noteApprovals(gate, approvals)
  let offset = 0
  for (const { releaseMs, read } of [...evidence].sort((a, b) => a.releaseMs - b.releaseMs)) {
    if (releaseMs > throughMs) break
    // What was released before can no longer be added to.
    if (offset % entryStep === 0) enterThrough(gate, releaseMs - 1)
    accept(gate, await read(), 0, offset)
    offset += 1
  }
  enterThrough(gate, throughMs)
  return gate
}

/** Records that wait at once: enough to save work, few enough for memory. */
const entryStep = 10_000

/** What a gate knew, beside what this evidence says up to there; null when they are equal. */
export async function gateDifference(
  run: Run,
  data: RunGateData,
  evidence: readonly Evidence[],
): Promise<{ readonly was: string; readonly should: string } | null> {
  const released = evidence.map((record) => ({ releaseMs: releaseTimeOf(run.plan, record), read: () => record }))
  const throughMs = data.enteredThroughMs
  const latestEntry = Math.max(
    0,
    ...evidence.filter((_, index) => (released[index]?.releaseMs ?? 0) <= throughMs).map(stageEntryOf),
  )
  const approvals = run.state.overrides.filter(
    ({ wave, stageEntry }) =>
      // It has to know of an approval before evidence of a later stage enters, and no earlier.
      stageEntry < latestEntry ||
      data.approvals.some((known) => known.wave === wave && known.stageEntry === stageEntry),
  )
  return stateDifference(data, await undisturbedGate(run, throughMs, released, approvals))
}

function stageEntryOf({ place }: Evidence): number {
  return place.stage_entry
}

export function stateDifference(
  data: RunGateData,
  gate: RunGate,
): { readonly was: string; readonly should: string } | null {
  const [was, should] = [comparable(data), comparable(runGateToData(gate))]
  return was === should ? null : { was, should }
}

/** Without what depends on how often a record was sent and read: a repetition of what has entered is counted as late. */
function comparable({ counts, ...data }: RunGateData): string {
  const { duplicate: _, late: __, ...counted } = counts
  return JSON.stringify({ ...data, counted })
}
