import type { Ack, Decision, Kill, Latch, Records, Split } from '../domain/events/records.ts'
import type { Verdict } from '../domain/gate/verdict.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'
import { readRun } from '../domain/rollout/run-document.ts'
import { type GateWord, type RunStatus, status } from '../domain/rollout/status.ts'
import { topics } from '../flow.ts'
import type { Reader, RecordBatch, Transport } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'

/** What the API answers from: everything small, kept in memory from the topics, so that it works with the store down. */
export interface ReadModel {
  runs(): readonly Run[]
  run(id: string): Run | null
  statusOf(run: Run): RunStatus
  /** A gate's newest verdict on a wave of the run, else on any; null before one has spoken. */
  verdictOf(run: string, wave: string): Verdict | null
  /** A gate's newest word about each wave of which one has spoken. */
  wordsOf(run: string): readonly GateWord[]
  decisions(run: string): readonly Decision[]
  /** The decision that a command led to; null while there is none. */
  decisionFor(commandId: string): Decision | null
  split(route: string): Split | null
  /** Routes that a run or a split names. */
  routes(): readonly string[]
  latches(run: string): readonly Latch[]
  kills(): readonly Kill[]
  acks(route: string): readonly Ack[]
}

const decisionsMax = 20_000
const showMs = 5_000

interface State {
  readonly runs: Map<string, Run>
  /** Run → wave → what a gate last said of it. */
  readonly snapshots: Map<string, Map<string, GateWord>>
  readonly decisions: Decision[]
  readonly byCommand: Map<string, Decision>
  readonly splits: Map<string, Split>
  readonly latches: Map<string, Latch>
  readonly kills: Map<string, Kill>
  readonly acks: Map<string, Ack>
}

/** Reads the topics to their ends, then keeps up. */
export async function openReadModel(scope: Scope, transport: Transport, codec: Codec<Records>): Promise<ReadModel> {
  const state: State = {
    runs: new Map(),
    snapshots: new Map(),
    decisions: [],
    byCommand: new Map(),
    splits: new Map(),
    latches: new Map(),
    kills: new Map(),
    acks: new Map(),
  }
  const reader: Reader = await scope.use('read-model', () =>
    transport.read({
      topics: [
        topics.runs.name,
        topics.snapshots.name,
        topics.decisions.name,
        topics.splits.name,
        topics.brakes.name,
        topics.acks.name,
      ],
      startAt: 'beginning',
      onBatch: (batch) => apply(state, codec, batch),
    }),
  )
  reader.crashed.catch((error: unknown) => scope.fail(error))
  await reader.caughtUp
  showSizes(scope, state)
  return {
    runs: () =>
      [...state.runs.values()].sort(
        (a, b) => Number(isActive(b)) - Number(isActive(a)) || b.createdAtMs - a.createdAtMs,
      ),
    run: (id) => state.runs.get(id) ?? null,
    statusOf: (run) => status(run, wordsOf(state, run.id), scope.clock.nowMs()),
    verdictOf: (run, wave) => {
      const words = wordsOf(state, run)
      return (words.find(({ view }) => view.wave === wave) ?? words.at(-1))?.verdict ?? null
    },
    wordsOf: (run) => wordsOf(state, run),
    decisions: (run) => state.decisions.filter((decision) => decision.run === run),
    decisionFor: (commandId) => state.byCommand.get(commandId) ?? null,
    split: (route) => state.splits.get(route) ?? null,
    routes: () => [...new Set([...state.splits.keys(), ...[...state.runs.values()].map((run) => run.route)])].sort(),
    latches: (run) => [...state.latches.values()].filter((latch) => latch.run === run),
    kills: () => [...state.kills.values()].filter((kill) => kill.released_at === null),
    acks: (route) => [...state.acks.values()].filter((ack) => ack.route === route),
  }
}

/** Everything but decisions is bounded by what the topics keep: the last record of each key. */
function showSizes({ metrics, timers, onStop }: Scope, state: State): void {
  const kept = metrics.gauge('penstock_api_kept_records', 'Records that the API keeps in memory', ['what'])
  metrics.gauge('penstock_api_decisions_limit', 'Decisions kept; older ones are in the store').set(decisionsMax)
  const show = () => {
    for (const what of ['runs', 'snapshots', 'splits', 'latches', 'kills', 'acks'] as const)
      kept.set(state[what].size, { what })
    kept.set(state.decisions.length, { what: 'decisions' })
  }
  show()
  onStop('sizes', timers.every(showMs, show))
}

async function apply(state: State, codec: Codec<Records>, batch: RecordBatch): Promise<void> {
  for (const { key, value } of batch.records) {
    if (key === null || value === null) continue
    if (batch.topic === topics.runs.name) applyRun(state, key, value)
    else if (batch.topic === topics.snapshots.name) applySnapshot(state, key, value)
    else await applyRecord(state, codec, key, value)
  }
}

function applyRun(state: State, key: string, value: Buffer): void {
  const run = key.startsWith('golden/') ? null : readRun(value.toString('utf8'))
  if (run !== null) state.runs.set(run.id, run)
}

function wordsOf(state: State, run: string): readonly GateWord[] {
  return [...(state.snapshots.get(run)?.values() ?? [])]
}

/** The head of a run's snapshot speaks of one wave, records beside it of others; the rest is the gate's own. */
function applySnapshot(state: State, key: string, value: Buffer): void {
  if (key.includes('/') && !key.includes('/wave/')) return
  try {
    const { run, view, verdict } = JSON.parse(value.toString('utf8')) as Partial<GateWord & { readonly run: string }>
    if (run === undefined || view === undefined || verdict === undefined) return
    const words = state.snapshots.get(run) ?? new Map<string, GateWord>()
    state.snapshots.set(run, words)
    // The newest word stands last.
    words.delete(view.wave)
    words.set(view.wave, { view, verdict })
  } catch {
    // A foreign record: the status is then that of the last verdict.
  }
}

async function applyRecord(state: State, codec: Codec<Records>, key: string, value: Buffer): Promise<void> {
  const decoded = await codec.decode(value)
  if (decoded.kind !== 'record') return
  switch (decoded.name) {
    case 'Decision':
      applyDecision(state, decoded.value)
      break
    case 'Split':
      state.splits.set(key, decoded.value)
      break
    case 'Latch':
      state.latches.set(key, decoded.value)
      break
    case 'Kill':
      state.kills.set(key, decoded.value)
      break
    case 'Ack':
      state.acks.set(`${decoded.value.router}/${decoded.value.route}`, decoded.value)
      break
    default:
      break
  }
}

function applyDecision(state: State, decision: Decision): void {
  state.decisions.push(decision)
  if (state.decisions.length > decisionsMax) state.decisions.splice(0, state.decisions.length - decisionsMax)
  try {
    const { commandId } = JSON.parse(decision.analysis) as { readonly commandId?: string }
    if (commandId === undefined) return
    state.byCommand.set(commandId, decision)
    if (state.byCommand.size > decisionsMax)
      for (const oldest of state.byCommand.keys()) return void state.byCommand.delete(oldest)
  } catch {
    // A decision without an analysis belongs to no command.
  }
}
