import type { Evidence, Heartbeat, Latch, Progress, Records } from '../domain/events/records.ts'
import { type Judgement, judge } from '../domain/gate/judge.ts'
import { isAtLimit } from '../domain/gate/obstacles.ts'
import { lowestWaiting } from '../domain/gate/release-queue.ts'
import {
  accept,
  type Breach,
  createRunGate,
  enterThrough,
  noteApprovals,
  type RunGate,
  type RunGateLimits,
} from '../domain/gate/run-gate.ts'
import { runGateFromData, runGateToData } from '../domain/gate/run-gate-data.ts'
import { isOverdue } from '../domain/gate/stage-deadline.ts'
import type { StageView } from '../domain/gate/stage-view.ts'
import type { Verdict } from '../domain/gate/verdict.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'
import type { GateWord } from '../domain/rollout/status.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type { OutRecord } from '../platform/kafka/transport.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { createEarlyEvidence, type EarlyEvidence } from './early-evidence.ts'
import type { Frontier } from './frontier.ts'
import { type SnapshotCollector, snapshotRecords, wordRecord } from './gate-snapshot.ts'
import { armedOf, stageViews } from './stage-views.ts'
import { latchFor, verdictCommand } from './verdict-commands.ts'

export interface EvaluatorDeps {
  readonly gate: string
  readonly codeVersion: string
  readonly clock: Clock
  readonly codec: Codec<Records>
  readonly frontier: Frontier
  readonly snapshots: SnapshotCollector
  readonly limits: RunGateLimits
  /** Bytes of snapshots that one round may write on average; runs that find no room have their turn in the next. Default 8 MiB. */
  readonly snapshotBytesMax?: number
  /** Hands records to the producer; they are retried until acknowledged, in order of urgency. */
  emit(records: readonly OutRecord[]): void
  /** `releaseMs`: from when on the deciding record could be entered, by the broker's clock. */
  onBreach(info: {
    readonly run: string
    readonly test: string
    readonly frontierMs: number
    readonly releaseMs: number
  }): void
  /** Records of a run that nobody has spoken of were given up, so that others of such runs have room. */
  onForgotten(info: { readonly run: string; readonly records: number }): void
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
  /** Why the gate may not vouch for anything now; null when it sees. */
  blindness(): string | null
  /** How many records wait for the record of their run. */
  earlyRecords(): number
  /** The heartbeat to send now; null while blind or nothing is armed. */
  heartbeat(): Heartbeat | null
  /** Snapshots of runs that changed since their last, as far as there is room; whoever waited longest comes first. */
  snapshot(): void
  readonly runs: ReadonlyMap<string, { readonly gate: RunGate; readonly judged: readonly Judged[] }>
}

/** The gate's answer about one stage entry. */
interface Judged {
  readonly stage: StageView
  readonly judgement: Judgement
}

interface Watched {
  run: Run
  gate: RunGate
  /** One for each active wave; empty before the first. */
  judged: readonly Judged[]
  readonly emitted: Set<string>
  readonly latches: Map<string, Latch>
  /** Partition → offset below which the snapshot has counted every record. */
  readonly countedTo: Readonly<Record<string, number>>
  /** It has to be judged although nothing new enters. */
  unjudged: boolean
  /** What it says is not in its snapshot yet. */
  unsaved: boolean
  slot: 'a' | 'b'
}

/** Two runs of the most units that a gate remembers are as large, or hundreds of young ones. */
const defaultSnapshotBytesMax = 8 * 1024 * 1024

export function createEvaluator(deps: EvaluatorDeps): Evaluator {
  return new RunWatcher(deps)
}

class RunWatcher implements Evaluator {
  readonly #deps: EvaluatorDeps
  readonly #watched = new Map<string, Watched>()
  readonly #nextOffsets = new Map<number, number>()
  readonly #early: EarlyEvidence
  /** Runs that are over: nothing of theirs is waited for. */
  readonly #over = new Set<string>()
  /** Bytes that the next snapshots may have; below 0 after one that is larger than a round. */
  #snapshotRoom = 0

  constructor(deps: EvaluatorDeps) {
    this.#deps = deps
    this.#early = createEarlyEvidence(deps.limits.waitingMax, (run, records) => deps.onForgotten({ run, records }))
  }

  get runs(): ReadonlyMap<string, { readonly gate: RunGate; readonly judged: readonly Judged[] }> {
    return this.#watched
  }

  onRun(run: Run): void {
    const known = this.#watched.get(run.id)
    if (!isActive(run)) {
      // Its last numbers stay to be explained; nothing more is entered.
      if (known !== undefined) this.#deps.emit(snapshotOf(this.#deps, known, this.#nextOffsets))
      this.#watched.delete(run.id)
      this.#over.add(run.id)
      this.#early.take(run.id)
      return
    }
    const entry = known ?? this.#watch(run)
    entry.run = run
    entry.unjudged = true
    entry.unsaved = true
    this.#watched.set(run.id, entry)
    if (known === undefined) this.#enterEarly(entry)
  }

  onEvidence(evidence: Evidence, partition: number, offset: number): void {
    const entry = this.#watched.get(evidence.place.run)
    if (entry !== undefined) acceptInto(entry, evidence, partition, offset)
    else if (!this.#over.has(evidence.place.run)) this.#early.keep({ evidence, partition, offset })
    // A snapshot may be taken in the middle of a batch: what it has counted ends here.
    this.#nextOffsets.set(partition, offset + 1)
  }

  onEvidenceRead(partition: number, nextOffset: number): void {
    this.#nextOffsets.set(partition, nextOffset)
    this.#deps.frontier.onEvidence(partition, nextOffset)
  }

  onProgress(progress: Progress): void {
    this.#deps.frontier.onProgress(progress, this.#deps.clock.monoMs())
  }

  evaluate(): void {
    const readThroughMs = this.#deps.frontier.readThroughMs(this.#deps.clock.monoMs())
    for (const entry of this.#watched.values()) {
      noteApprovals(entry.gate, entry.run.state.overrides)
      const entered = enterThrough(entry.gate, readThroughMs)
      if (entered === 0 && !entry.unjudged && !comesToItsEnd(entry)) continue
      entry.unsaved = true
      this.#judge(entry)
    }
  }

  blindness(): string | null {
    return this.#deps.frontier.blindness(this.#deps.clock.monoMs())
  }

  earlyRecords(): number {
    return this.#early.size()
  }

  heartbeat(): Heartbeat | null {
    const { clock, frontier, gate: name } = this.#deps
    if (this.blindness() !== null) return null
    const armed = [...this.#watched.values()].flatMap(({ run, gate }) => (isAtLimit(gate) ? [] : armedOf(run)))
    if (armed.length === 0) return null
    return { gate: name, armed, frontier: frontier.readThroughMs(clock.monoMs()), sent_at: clock.nowMs() }
  }

  snapshot(): void {
    const { snapshotBytesMax = defaultSnapshotBytesMax } = this.#deps
    this.#snapshotRoom = Math.min(snapshotBytesMax, this.#snapshotRoom + snapshotBytesMax)
    for (const [id, entry] of [...this.#watched]) {
      if (this.#snapshotRoom <= 0) return
      if (!entry.unsaved || entry.judged.length === 0) continue
      entry.unsaved = false
      const records = snapshotOf(this.#deps, entry, this.#nextOffsets)
      this.#snapshotRoom -= records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
      this.#deps.emit(records)
      entry.slot = entry.slot === 'a' ? 'b' : 'a'
      // To the end: the others have their turn first.
      this.#watched.delete(id)
      this.#watched.set(id, entry)
    }
  }

  /** What did not fit counts as turned away: such a gate permits nothing, since it has not seen every unit. */
  #enterEarly(entry: Watched): void {
    const { kept, lost } = this.#early.take(entry.run.id)
    for (const { evidence, partition, offset } of kept) acceptInto(entry, evidence, partition, offset)
    entry.gate.counts.refused += lost
  }

  #watch(run: Run): Watched {
    const { snapshots, limits } = this.#deps
    const kept = snapshots.snapshotOf(run.id)
    const restored = kept === null ? null : runGateFromData(run.id, run.plan, limits, kept.data)
    const gate = restored ?? createRunGate(run.id, run.plan, limits)
    const head = restored === null ? null : kept?.head
    return {
      run,
      gate,
      judged: [],
      emitted: new Set(),
      latches: new Map(head?.latches.map((latch) => [latch.id, latch])),
      countedTo: head?.countedTo ?? {},
      unjudged: true,
      unsaved: true,
      slot: kept?.head.slot === 'a' ? 'b' : 'a',
    }
  }

  #judge(entry: Watched): void {
    const stages = stageViews(entry.run)
    if (stages.length === 0) return
    entry.unjudged = false
    entry.judged = stages.map((stage) => ({ stage, judgement: judge(entry.gate, stage) }))
    // The brake first, and by itself: neither the controller nor anything after it is waited for.
    for (const { judgement } of entry.judged) {
      const { breach, outcome, reason } = judgement
      if (outcome === 'rollback' && breach !== null && once(entry, `latch/${breach.test}`))
        this.#brake(entry, breach, reason)
    }
    for (const [index, { stage, judgement }] of entry.judged.entries()) {
      const verdict = verdictOf(this.#deps, entry, judgement, stage, this.#nextOffsets)
      // Calibration is the run's: one wave tells it.
      if (index === 0) this.#tellCalibrated(entry, stage, verdict)
      if (judgement.outcome !== 'hold') this.#tell(entry, stage, verdict, judgement.breach?.test ?? '')
      // So is a rollback; the first wave has said it for all.
      if (judgement.outcome === 'rollback') return
    }
  }

  #tellCalibrated(entry: Watched, stage: StageView, verdict: Verdict): void {
    const { frozen } = entry.gate.calibration
    if (frozen === null || entry.run.state.frozen !== null) return
    const reason = `calibrated with ${frozen.pairs} A/A pairs`
    this.#tell(entry, stage, { ...verdict, outcome: 'calibrated', reasonCode: 'CALIBRATED', reason, frozen }, '')
  }

  #brake(entry: Watched, breach: Breach, reason: string): void {
    const { gate, clock, codec, emit, onBreach } = this.#deps
    const found = latchFor(entry.run, breach, reason, gate, clock.nowMs())
    const latch = entry.latches.get(found.id) ?? found
    entry.latches.set(latch.id, latch)
    const key = `${entry.run.route}/latch/${latch.id}`
    emit([{ topic: topics.brakes.name, key, value: codec.encode('Latch', latch) }])
    onBreach({
      run: entry.run.id,
      test: breach.test,
      frontierMs: entry.gate.enteredThroughMs,
      releaseMs: breach.releaseMs,
    })
  }

  #tell(entry: Watched, stage: StageView, verdict: Verdict, about: string): void {
    const { clock, codec, emit } = this.#deps
    const command = verdictCommand(entry.run.id, stage.wave, stage.stageEntry, verdict, about, clock.nowMs())
    if (!once(entry, command.id)) return
    emit([{ topic: topics.commands.name, key: entry.run.id, value: codec.encode('Command', command) }])
  }
}

function acceptInto(entry: Watched, evidence: Evidence, partition: number, offset: number): void {
  const { counts } = entry.gate
  const before = counts.corrected
  accept(entry.gate, evidence, partition, offset, offset < (entry.countedTo[String(partition)] ?? 0))
  // It changes what has entered.
  if (counts.corrected > before) entry.unjudged = true
}

/** Where no evidence comes any more, time alone ends a stage. */
function comesToItsEnd({ run, gate, judged }: Watched): boolean {
  const stages = stageViews(run)
  return judged.some(({ judgement }, index) => {
    const stage = stages[index]
    return judgement.outcome === 'hold' && stage !== undefined && isOverdue(stage, gate.enteredThroughMs)
  })
}

function once(entry: Watched, what: string): boolean {
  if (entry.emitted.has(what)) return false
  entry.emitted.add(what)
  return true
}

function verdictOf(
  deps: EvaluatorDeps,
  entry: Watched,
  judgement: Judgement,
  stage: StageView,
  nextOffsets: ReadonlyMap<number, number>,
): Verdict {
  return {
    outcome: judgement.outcome,
    reasonCode: judgement.reasonCode,
    reason: judgement.reason,
    metrics: judgement.metrics,
    findings: judgement.findings,
    instrument: judgement.instrument,
    n: judgement.n,
    nRequired: judgement.nRequired,
    etaAtMs: etaOf(entry.run, stage, judgement, deps.clock.nowMs()),
    frontierMs: entry.gate.enteredThroughMs,
    latch: null,
    frozen: null,
    planHash: entry.run.plan.hash,
    evidenceOffsets: offsetsOf(nextOffsets),
    codeVersion: deps.codeVersion,
    judged: stage,
    limits: deps.limits,
    counts: { ...entry.gate.counts },
    ...(entry.gate.corrections.length === 0 ? {} : { corrections: [...entry.gate.corrections] }),
    seed: entry.run.id,
    gate: deps.gate,
  }
}

/** Evidence partition → offset up to which it had been read. */
function offsetsOf(nextOffsets: ReadonlyMap<number, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...nextOffsets].map(([partition, offset]) => [String(partition), offset]))
}

/** At the rate since the stage began, and not before time allows; null before anything has come. */
function etaOf(run: Run, { wave }: StageView, judgement: Judgement, nowMs: number): number | null {
  if (judgement.notBeforeMs !== null) return judgement.notBeforeMs
  const startedAtMs = run.state.waves.find(({ id }) => id === wave)?.startedAtMs ?? null
  if (judgement.nRequired === null || startedAtMs === null || judgement.n === 0) return null
  const perMs = judgement.n / Math.max(1, nowMs - startedAtMs)
  return Math.round(nowMs + Math.max(0, judgement.nRequired - judgement.n) / perMs)
}

/** The state with what it says of the first wave, and a record for each other wave; nothing before it has judged. */
function snapshotOf(
  deps: EvaluatorDeps,
  entry: Watched,
  nextOffsets: ReadonlyMap<number, number>,
): readonly OutRecord[] {
  const words = entry.judged.map(({ stage, judgement }) => wordOf(deps, entry, stage, judgement, nextOffsets))
  const [first, ...others] = words
  if (first === undefined) return []
  const waiting = lowestWaiting(entry.gate.queue)
  const restartAt = Object.fromEntries(
    [...nextOffsets].map(([partition, next]) => [String(partition), Math.min(next, waiting.get(partition) ?? next)]),
  )
  const head = {
    run: entry.run.id,
    gate: deps.gate,
    planHash: entry.run.plan.hash,
    atMs: deps.clock.nowMs(),
    ...first,
    restartAt,
    countedTo: offsetsOf(nextOffsets),
    latches: [...entry.latches.values()],
    slot: entry.slot,
  }
  return [
    ...others.map((word) => wordRecord(topics.snapshots.name, entry.run.id, word)),
    ...snapshotRecords(topics.snapshots.name, head, runGateToData(entry.gate)),
  ]
}

function wordOf(
  deps: EvaluatorDeps,
  entry: Watched,
  stage: StageView,
  judgement: Judgement,
  nextOffsets: ReadonlyMap<number, number>,
): GateWord {
  const verdict = verdictOf(deps, entry, judgement, stage, nextOffsets)
  const { wave, stageEntry } = stage
  const { reasonCode, reason, n, nRequired } = judgement
  const { etaAtMs } = verdict
  return { view: { wave, stageEntry, reasonCode, reason, n, nRequired, etaAtMs, atMs: deps.clock.nowMs() }, verdict }
}
