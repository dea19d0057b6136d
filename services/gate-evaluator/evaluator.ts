import type { Evidence, Heartbeat, Progress, Records } from '../domain/events/records.ts'
import { type Judgement, judge, type StageView } from '../domain/gate/judge.ts'
import { lowestWaiting } from '../domain/gate/release-queue.ts'
import { accept, createRunGate, enterThrough, type RunGate, type RunGateLimits } from '../domain/gate/run-gate.ts'
import { runGateFromData, runGateToData } from '../domain/gate/run-gate-data.ts'
import type { Verdict } from '../domain/gate/verdict.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type { OutRecord } from '../platform/kafka/transport.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { Frontier } from './frontier.ts'
import { type SnapshotCollector, snapshotRecords } from './gate-snapshot.ts'
import { latchFor, verdictCommand } from './verdict-commands.ts'

export interface EvaluatorDeps {
  readonly gate: string
  readonly codeVersion: string
  readonly clock: Clock
  readonly codec: Codec<Records>
  readonly frontier: Frontier
  readonly snapshots: SnapshotCollector
  readonly limits: RunGateLimits
  /** Hands records to the producer; they are retried until acknowledged, in order of urgency. */
  emit(records: readonly OutRecord[]): void
  onBreach(info: { readonly run: string; readonly test: string; readonly frontierMs: number }): void
}

/** Judges every active run as its evidence enters. All state lives here and in `domain/gate`; nothing in it waits for I/O. */
export interface Evaluator {
  onRun(run: Run): void
  onEvidence(evidence: Evidence, partition: number, offset: number): void
  /** After a batch: this is the next offset of the partition. */
  onEvidenceRead(partition: number, nextOffset: number): void
  onProgress(progress: Progress): void
  /** Enters what the frontier allows, judges, and emits what is new. */
  evaluate(): void
  /** The heartbeat to send now; null while blind or nothing is armed. */
  heartbeat(): Heartbeat | null
  /** Snapshots of runs that changed since the last call. */
  snapshot(): void
  readonly runs: ReadonlyMap<string, { readonly gate: RunGate; readonly judgement: Judgement | null }>
}

interface Watched {
  run: Run
  gate: RunGate
  judgement: Judgement | null
  readonly emitted: Set<string>
  changed: boolean
  slot: 'a' | 'b'
}

export function createEvaluator(deps: EvaluatorDeps): Evaluator {
  const watched = new Map<string, Watched>()
  const nextOffsets = new Map<number, number>()

  const watch = (run: Run): Watched => {
    const kept = deps.snapshots.snapshotOf(run.id)
    const restored = kept === null ? null : runGateFromData(run.id, run.plan, deps.limits, kept.data)
    const slot = kept?.head.slot === 'a' ? 'b' : 'a'
    return {
      run,
      gate: restored ?? createRunGate(run.id, run.plan, deps.limits),
      judgement: null,
      emitted: new Set(),
      changed: true,
      slot,
    }
  }

  const judgeAndTell = (entry: Watched) => {
    const stage = stageOf(entry.run)
    if (stage === null) return
    const judgement = judge(entry.gate, stage)
    entry.judgement = judgement
    const verdict = verdictOf(deps, entry, judgement)
    const nowMs = deps.clock.nowMs()
    // The brake first, and by itself: neither the controller nor anything after it is waited for.
    if (
      judgement.outcome === 'rollback' &&
      judgement.breach !== null &&
      once(entry, `latch/${judgement.breach.test}`)
    ) {
      const latch = latchFor(entry.run, judgement.breach, judgement.reason, deps.gate, nowMs)
      deps.emit([
        {
          topic: topics.brakes.name,
          key: `${entry.run.route}/latch/${latch.id}`,
          value: deps.codec.encode('Latch', latch),
        },
      ])
      deps.onBreach({ run: entry.run.id, test: judgement.breach.test, frontierMs: entry.gate.enteredThroughMs })
    }
    const frozen = entry.gate.calibration.frozen
    if (frozen !== null && entry.run.state.frozen === null && once(entry, 'calibrated')) {
      tell(
        entry,
        stage,
        {
          ...verdict,
          outcome: 'calibrated',
          reasonCode: 'CALIBRATED',
          reason: `calibrated with ${frozen.pairs} A/A pairs`,
          frozen,
        },
        'calibrated',
      )
    }
    if (judgement.outcome !== 'hold') tell(entry, stage, verdict, judgement.breach?.test ?? '')
  }

  const tell = (entry: Watched, stage: StageView, verdict: Verdict, about: string) => {
    const command = verdictCommand(entry.run.id, stage.wave, stage.stageEntry, verdict, about, deps.clock.nowMs())
    if (!once(entry, command.id)) return
    deps.emit([{ topic: topics.commands.name, key: entry.run.id, value: deps.codec.encode('Command', command) }])
  }

  return {
    runs: watched,
    onRun(run) {
      if (!isActive(run)) {
        // Its last numbers stay to be explained; nothing more is entered.
        const over = watched.get(run.id)
        if (over?.judgement != null) deps.emit(snapshotOf(deps, over, over.judgement, nextOffsets))
        watched.delete(run.id)
        return
      }
      const entry = watched.get(run.id) ?? watch(run)
      entry.run = run
      entry.changed = true
      watched.set(run.id, entry)
    },
    onEvidence(evidence, partition, offset) {
      const entry = watched.get(evidence.place.run)
      if (entry === undefined) return
      accept(entry.gate, evidence, partition, offset)
    },
    onEvidenceRead(partition, nextOffset) {
      nextOffsets.set(partition, nextOffset)
      deps.frontier.onEvidence(partition, nextOffset)
    },
    onProgress: (progress) => deps.frontier.onProgress(progress, deps.clock.monoMs()),
    evaluate() {
      const readThroughMs = deps.frontier.readThroughMs(deps.clock.monoMs())
      for (const entry of watched.values()) {
        const entered = enterThrough(entry.gate, readThroughMs)
        if (entered === 0 && !entry.changed && entry.judgement !== null) continue
        entry.changed = true
        judgeAndTell(entry)
      }
    },
    heartbeat() {
      if (deps.frontier.blindness(deps.clock.monoMs()) !== null) return null
      const armed = [...watched.values()].flatMap(({ run, gate }) => (gate.counts.refused > 0 ? [] : armedOf(run)))
      if (armed.length === 0) return null
      return {
        gate: deps.gate,
        armed,
        frontier: deps.frontier.readThroughMs(deps.clock.monoMs()),
        sent_at: deps.clock.nowMs(),
      }
    },
    snapshot() {
      for (const entry of watched.values()) {
        if (!entry.changed || entry.judgement === null) continue
        entry.changed = false
        deps.emit(snapshotOf(deps, entry, entry.judgement, nextOffsets))
        entry.slot = entry.slot === 'a' ? 'b' : 'a'
      }
    },
  }
}

function once(entry: Watched, what: string): boolean {
  if (entry.emitted.has(what)) return false
  entry.emitted.add(what)
  return true
}

/** The stage entry that the run stands in; null before the first. */
function stageOf(run: Run): StageView | null {
  const wave = run.state.waves[run.state.wave]
  const stage = run.spec.waves[run.state.wave]?.stages[wave?.stageIndex ?? -1]
  if (wave === undefined || stage === undefined || wave.status !== 'active') return null
  return {
    wave: wave.id,
    stageEntry: wave.stageEntry,
    stageName: stage.name,
    candidateWeight: stage.candidateWeight,
    approved: run.state.overrides.some(
      (override) => override.wave === wave.id && override.stageEntry === wave.stageEntry,
    ),
  }
}

/** Every wave that has begun is guarded for as long as the run lives. */
function armedOf(run: Run): { run: string; wave: string; stage_entry: number }[] {
  return run.state.waves
    .filter((wave) => wave.status !== 'waiting')
    .map((wave) => ({ run: run.id, wave: wave.id, stage_entry: wave.stageEntry }))
}

function verdictOf(deps: EvaluatorDeps, entry: Watched, judgement: Judgement): Verdict {
  return {
    outcome: judgement.outcome,
    reasonCode: judgement.reasonCode,
    reason: judgement.reason,
    metrics: judgement.metrics,
    n: judgement.n,
    nRequired: judgement.nRequired,
    etaAtMs: etaOf(entry, judgement, deps.clock.nowMs()),
    frontierMs: entry.gate.enteredThroughMs,
    latch: null,
    frozen: null,
    planHash: entry.run.plan.hash,
    evidenceOffsets: {},
    codeVersion: deps.codeVersion,
    gate: deps.gate,
  }
}

/** At the rate since the stage began; null before anything has come. */
function etaOf(entry: Watched, judgement: Judgement, nowMs: number): number | null {
  const startedAtMs = entry.run.state.waves[entry.run.state.wave]?.startedAtMs ?? null
  if (judgement.nRequired === null || startedAtMs === null || judgement.n === 0) return null
  const perMs = judgement.n / Math.max(1, nowMs - startedAtMs)
  return Math.round(nowMs + Math.max(0, judgement.nRequired - judgement.n) / perMs)
}

function snapshotOf(
  deps: EvaluatorDeps,
  entry: Watched,
  judgement: Judgement,
  nextOffsets: ReadonlyMap<number, number>,
): readonly OutRecord[] {
  const stage = stageOf(entry.run)
  const waiting = lowestWaiting(entry.gate.queue)
  const restartAt = Object.fromEntries(
    [...nextOffsets].map(([partition, next]) => [String(partition), Math.min(next, waiting.get(partition) ?? next)]),
  )
  const verdict = {
    ...verdictOf(deps, entry, judgement),
    evidenceOffsets: Object.fromEntries([...nextOffsets].map(([p, o]) => [String(p), o])),
  }
  const view = {
    wave: stage?.wave ?? '',
    stageEntry: stage?.stageEntry ?? 0,
    reasonCode: judgement.reasonCode,
    reason: judgement.reason,
    n: judgement.n,
    nRequired: judgement.nRequired,
    etaAtMs: verdict.etaAtMs,
    atMs: deps.clock.nowMs(),
  }
  const head = {
    run: entry.run.id,
    gate: deps.gate,
    planHash: entry.run.plan.hash,
    atMs: deps.clock.nowMs(),
    view,
    verdict,
    restartAt,
    slot: entry.slot,
  }
  return snapshotRecords(topics.snapshots.name, head, runGateToData(entry.gate))
}
