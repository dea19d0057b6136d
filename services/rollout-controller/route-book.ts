import { createRecentIds } from '../domain/events/recent-ids.ts'
import type { Ack, Decision, Kill, Latch, Split } from '../domain/events/records.ts'
import type { RouteView } from '../domain/rollout/apply-run.ts'
import type { RunEvent } from '../domain/rollout/events.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'

/** How many brakes of one run or route are looked at; the newest count. Below what a run remembers, so that none comes back as new. */
const brakesMax = 100

/** Acks waiting for the next sweep; at the limit the oldest go, the last of each router stays known in any case. */
export const pendingAcksMax = 1_000

/** Decisions on commands for which there was no run; whatever a run decided, it remembers itself. */
const decidedMax = 10_000

interface RunEntry {
  readonly run: Run
  /** Partition of the commands topic that its apply came from. */
  readonly partition: number
  /** Where it was first seen on the runs topic; null while only this process knows of it. */
  readonly loggedAt: number | null
}

function binds(kill: Kill, route: string): boolean {
  return kill.route === '*' || kill.route === route
}

function newest<T>(items: readonly T[], at: (item: T) => number): readonly T[] {
  return [...items].sort((a, b) => at(a) - at(b)).slice(-brakesMax)
}

/** What the controller knows in memory: runs, last splits, brakes and acks. Rebuilt from the topics at every start. */
export class RouteBook {
  readonly #runs = new Map<string, RunEntry>()
  readonly #splits = new Map<string, Split>()
  readonly #latches = new Map<string, Map<string, Latch>>()
  readonly #kills = new Map<string, Kill>()
  readonly #lastAcks = new Map<string, Ack>()
  readonly #decided = createRecentIds(decidedMax)
  #pending: readonly Ack[] = []

  run(id: string): Run | null {
    return this.#runs.get(id)?.run ?? null
  }

  all(): readonly Run[] {
    return [...this.#runs.values()].map((entry) => entry.run)
  }

  runsOf(partition: number): readonly Run[] {
    return [...this.#runs.values()].flatMap((entry) => (entry.partition === partition ? [entry.run] : []))
  }

  route(route: string): RouteView {
    return {
      runs: this.#entriesOn(route).map((entry) => entry.run),
      lastSplit: this.#splits.get(route) ?? null,
      kills: this.#killsOn(route).flatMap((kill) => (kill.released_at === null ? [kill.id] : [])),
    }
  }

  /** A later owner of the run's route, or null. */
  successorOf(run: Run): string | null {
    const split = this.#splits.get(run.route)
    if (split !== undefined && split.epoch > run.state.epoch && split.run !== run.id) return split.run ?? 'none'
    return this.#entriesOn(run.route).find((entry) => entry.run.id !== run.id && isActive(entry.run))?.run.id ?? null
  }

  /** What brakes, acks and the route mean for a run now, brakes first. Every event is idempotent: the list may be applied again at any time. */
  eventsFor(id: string): readonly RunEvent[] {
    const entry = this.#runs.get(id)
    if (entry === undefined) return []
    const { route } = entry.run
    const latches = newest([...(this.#latches.get(id)?.values() ?? [])], (latch) => latch.written_at)
    const acks = [...this.#pending, ...this.#lastAcks.values()].filter((ack) => ack.route === route)
    return [
      ...this.#killsOn(route).map((kill): RunEvent => ({ kind: 'kill', kill })),
      ...latches.map((latch): RunEvent => ({ kind: 'latch', latch })),
      ...acks.map((ack): RunEvent => ({ kind: 'ack', ack })),
      ...this.#routeEvents(entry),
      { kind: 'tick' },
    ]
  }

  /** Committed by this process. */
  commit(run: Run, partition: number): void {
    this.#runs.set(run.id, { run, partition, loggedAt: this.#runs.get(run.id)?.loggedAt ?? null })
  }

  /** Read from the runs topic; an older revision than the known one says nothing new. */
  seenRun(run: Run, partition: number, offset: number): void {
    const known = this.#runs.get(run.id)
    // A draft keeps its first place however often it is rewritten while it waits.
    const loggedAt = known?.loggedAt ?? offset
    const isNews = known === undefined || known.run.state.revision < run.state.revision
    this.#runs.set(run.id, isNews ? { run, partition, loggedAt } : { ...known, loggedAt })
  }

  seenSplit(split: Split): void {
    if ((this.#splits.get(split.route)?.epoch ?? -1) < split.epoch) this.#splits.set(split.route, split)
  }

  seenLatch(latch: Latch): void {
    const ofRun = this.#latches.get(latch.run) ?? new Map<string, Latch>()
    this.#latches.set(latch.run, ofRun.set(latch.id, latch))
    const first = ofRun.keys().next().value
    if (ofRun.size > brakesMax && first !== undefined) ofRun.delete(first)
  }

  seenKill(kill: Kill): void {
    this.#kills.set(`${kill.route}/${kill.id}`, kill)
  }

  seenAck(ack: Ack): void {
    this.#lastAcks.set(`${ack.route}\u001f${ack.router}`, ack)
    this.#pending = [...this.#pending, ack].slice(-pendingAcksMax)
  }

  seenDecision({ id, from_phase: from }: Decision): void {
    if (from === 'none') this.#decided.add(id)
  }

  /** A command for which there was no run was decided on, as the log says: it may be given once more by whoever was not told so. */
  isDecided(decision: string): boolean {
    return this.#decided.has(decision)
  }

  pendingAcks(): number {
    return this.#pending.length
  }

  /** The first `count` of the pending acks have been applied. */
  settleAcks(count: number): void {
    this.#pending = this.#pending.slice(count)
  }

  #entriesOn(route: string): readonly RunEntry[] {
    return [...this.#runs.values()].filter((entry) => entry.run.route === route)
  }

  #killsOn(route: string): readonly Kill[] {
    const binding = [...this.#kills.values()].filter((kill) => binds(kill, route))
    return newest(binding, (kill) => kill.released_at ?? Number.MAX_SAFE_INTEGER)
  }

  #routeEvents(entry: RunEntry): readonly RunEvent[] {
    const { run } = entry
    const split = this.#splits.get(run.route)
    if (run.state.phase === 'draft') {
      const other = this.#ahead(entry)
      if (other !== null) return [{ kind: 'superseded', run: other.id, epoch: other.state.epoch }]
      // Not before the log shows the draft: two controllers may have accepted one each, and the log says whose was first.
      return entry.loggedAt === null ? [] : [{ kind: 'start', routeEpoch: split?.epoch ?? 0 }]
    }
    if (split === undefined || split.run === run.id || split.epoch <= run.state.epoch) return []
    return [{ kind: 'superseded', run: split.run ?? 'none', epoch: split.epoch }]
  }

  /** The run that a draft gives way to: an active one that is further, else the draft that stands first on the log. */
  #ahead(entry: RunEntry): Run | null {
    for (const other of this.#entriesOn(entry.run.route)) {
      if (other.run.id === entry.run.id || !isActive(other.run)) continue
      if (other.run.state.phase !== 'draft') return other.run
      if (other.loggedAt !== null && (entry.loggedAt === null || other.loggedAt < entry.loggedAt)) return other.run
    }
    return null
  }
}
