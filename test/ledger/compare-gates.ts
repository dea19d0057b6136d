import type { Decision, Evidence, Records } from '../../services/domain/events/records.ts'
import { verdictDifference } from '../../services/domain/gate/replay-verdict.ts'
import type { RunGate } from '../../services/domain/gate/run-gate.ts'
import type { Verdict } from '../../services/domain/gate/verdict.ts'
import { isActive } from '../../services/domain/rollout/moves.ts'
import type { Run } from '../../services/domain/rollout/run.ts'
import { topics } from '../../services/flow.ts'
import { createSnapshotCollector } from '../../services/gate-evaluator/gate-snapshot.ts'
import { latchFor } from '../../services/gate-evaluator/verdict-commands.ts'
import type { Transport } from '../../services/platform/kafka/transport.ts'
import type { ProjectingCodec } from '../../services/platform/registry/codec.ts'
import { eachRecord } from '../support/each-record.ts'
import { stateDifference, undisturbedGate } from '../support/undisturbed-gate.ts'
import type { Count } from './count-log.ts'
import type { UndisturbedEvidence } from './undisturbed.ts'

/** A run, and the evidence that a pairing makes for it to which nothing happens. */
export interface CalmRun {
  readonly run: Run
  readonly evidence: readonly { readonly releaseMs: number; read(): Promise<Evidence> }[]
}

export function calmRuns(
  codec: ProjectingCodec<Records>,
  runs: ReadonlyMap<string, Run>,
  { byId }: UndisturbedEvidence,
): readonly CalmRun[] {
  const read = async (value: Buffer): Promise<Evidence> => {
    const decoded = await codec.decode(value)
    if (decoded.kind !== 'record' || decoded.name !== 'Evidence') throw new TypeError('evidence cannot be read back')
    return decoded.value
  }
  const byRun = Map.groupBy(byId.values(), ({ run }) => run)
  return [...runs.values()].map((run) => ({
    run,
    evidence: (byRun.get(run.id) ?? []).map(({ releaseMs, value }) => ({ releaseMs, read: () => read(value) })),
  }))
}

/** What a killed and restarted gate knows of a run, held against one to which nothing happened. */
export interface GateComparison {
  readonly run: string
  /** Where the run stands at last. */
  readonly phase: string
  readonly outcome: string
  /** Records that have entered: by the undisturbed gate, and by the other. */
  readonly expected: number
  readonly found: number
  readonly eValues: number
  /** The latch that the undisturbed evidence asks for: its id names run, stage entry and test. */
  readonly latch: string | null
  /** The first thing in which they differ; null when all is equal, bit for bit. */
  readonly difference: string | null
}

/** Compares state and verdict of the last snapshot of each run with what the undisturbed evidence says up to there. */
export async function compareGates(transport: Transport, runs: readonly CalmRun[]): Promise<readonly GateComparison[]> {
  const snapshots = createSnapshotCollector()
  await eachRecord(transport, topics.snapshots.name, ({ key, value }) => snapshots.onRecord(key ?? '', value))
  const compared: GateComparison[] = []
  for (const calm of runs) {
    const { run, evidence } = calm
    const snapshot = snapshots.snapshotOf(run.id)
    const named = { run: run.id, phase: run.state.phase }
    if (snapshot === null) {
      const nothing = { outcome: 'none', expected: evidence.length, found: 0, eValues: 0, latch: null }
      compared.push({ ...named, ...nothing, difference: 'no snapshot' })
      continue
    }
    const { head, data } = snapshot
    const gate = await undisturbedGate(run, data.enteredThroughMs, evidence)
    const state = stateDifference(data, gate)
    compared.push({
      ...named,
      outcome: `${head.verdict.outcome} ${head.verdict.reasonCode}`,
      expected: gate.counts.entered,
      found: data.counts.entered,
      eValues: head.verdict.metrics.filter(({ eValue }) => eValue !== null).length,
      latch: await latchOf(calm, gate),
      difference:
        state === null
          ? differenceOf('verdict', gate, head.verdict)
          : `state: ${firstDifference(state.was, state.should)}`,
    })
  }
  return compared
}

/** Decisions that rest on a verdict: `found` are those whose verdict an undisturbed gate gives, too, of the evidence up to the same frontier. */
export async function compareDecisions(
  runs: readonly CalmRun[],
  decisions: readonly Decision[],
): Promise<Count & { readonly differences: readonly string[] }> {
  const differences: string[] = []
  let expected = 0
  for (const { run, evidence } of runs)
    for (const decision of decisions) {
      const { verdict } = JSON.parse(decision.analysis) as { readonly verdict?: Verdict | null }
      if (decision.run !== run.id || verdict == null) continue
      expected += 1
      const gate = await undisturbedGate(run, verdict.frontierMs, evidence, verdict.judged?.approvals ?? [])
      const difference = differenceOf(decision.id, gate, verdict)
      if (difference !== null) differences.push(difference)
    }
  const found = expected - differences.length
  return { expected, found, lost: differences.length, double: 0, differences }
}

/** Latches on the topic of brakes, beside those that undisturbed gates ask for: what stands there beyond them is one too many. */
export async function compareLatches(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  gates: readonly GateComparison[],
): Promise<Count> {
  const expected = gates.flatMap(({ latch }) => (latch === null ? [] : [latch]))
  const latched = new Set<string>()
  await eachRecord(transport, topics.brakes.name, async ({ value }) => {
    const decoded = value === null ? null : await codec.decode(value)
    if (decoded?.kind === 'record' && decoded.name === 'Latch') latched.add(decoded.value.id)
  })
  const found = expected.filter((id) => latched.has(id)).length
  return { expected: expected.length, found, lost: expected.length - found, double: latched.size - found }
}

/** Which latch the evidence asks for; a run that it has ended was not shown all of it. */
async function latchOf({ run, evidence }: CalmRun, upToSnapshot: RunGate): Promise<string | null> {
  const untilMs = evidence.reduce((latest, { releaseMs }) => Math.max(latest, releaseMs), 0)
  const gate = isActive(run) ? upToSnapshot : await undisturbedGate(run, untilMs, evidence)
  const breach = gate.breaches.find(({ action }) => action === 'rollback')
  return breach === undefined ? null : latchFor(run, breach, '', '', 0).id
}

function differenceOf(what: string, gate: RunGate, verdict: Verdict): string | null {
  const difference = verdictDifference(gate, verdict)
  return difference === null
    ? null
    : `${what}: ${difference.field} is ${difference.recorded}, not ${difference.recomputed}`
}

/** The neighbourhood of the first character in which two texts differ. */
function firstDifference(was: string, should: string): string {
  let at = 0
  while (was[at] === should[at]) at += 1
  const from = Math.max(0, at - 120)
  return `…${was.slice(from, at + 80)}… instead of …${should.slice(from, at + 80)}…`
}
