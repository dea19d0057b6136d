import type { Clock } from '../../domain/time/clock.ts'

/** One thing that is not as it should be: its name, from a closed set, and why in words; never text of prompts or answers. */
export interface Reason {
  readonly name: string
  readonly why: string
}

export interface HealthReport {
  /** What only a new start mends: loops that make no progress. */
  readonly unlive: readonly Reason[]
  /** What keeps the process from doing its job now. */
  readonly unready: readonly Reason[]
  /** What is wrong and keeps nobody from being served. */
  readonly notes: readonly Reason[]
}

/** A loop whose progress is watched. */
export interface Loop {
  /** A piece of work begins; the returned function tells its end. Work that is not over `stuckAfterMs` later is stuck, unless something outside was waited for. */
  begin(): () => void
}

/** What a service tells about itself: conditions of its work, loops that must move, and what outside it waits for. */
export interface Health {
  /** A condition without which the service cannot do its job: `why` is null while it holds. The returned function takes it away. */
  ready(name: string, why: () => string | null): () => void
  /** The loop of that name; asking twice returns the same. */
  loop(name: string): Loop
  /**
   * An attempt at something outside (broker, registry, store) has failed and is made again: the service is not ready, and its loops are not stuck but
   * waiting. `why` null: an attempt has gone well.
   */
  waits(what: string, why: string | null): void
  /** The same for a service that does its job without it: everything said here is a note, and makes the process neither unlive nor unready. */
  noting(): Health
  /** The same for a part of the process, whose names begin with the prefix and whose waiting is its own. */
  child(prefix: string): Health
}

export interface OwnedHealth extends Health {
  report(): HealthReport
}

/**
 * Longer than any one attempt that a client bounds by itself (kafkajs: 9 tries of at most 15 s): where the broker is away or hangs, attempts still end
 * and are told by `waits`. What has not moved for so long is waiting for something that will never happen.
 */
export const stuckAfterMs = 180_000

interface Kept {
  readonly conditions: Map<string, () => string | null>
  readonly waiting: Map<string, string>
  readonly work: Map<string, Set<{ readonly sinceMs: number }>>
  readonly waited: { atMs: number }
  readonly prefix: string
}

export function createHealth(clock: Clock): OwnedHealth {
  const needed: Kept[] = []
  const noted: Kept[] = []
  const keptIn = (where: Kept[], prefix: string, waited: Kept['waited']) => {
    const kept: Kept = { conditions: new Map(), waiting: new Map(), work: new Map(), waited, prefix }
    where.push(kept)
    return kept
  }
  const healthOf = (kept: Kept): Health => ({
    ready(name, why) {
      kept.conditions.set(name, why)
      return () => {
        if (kept.conditions.get(name) === why) kept.conditions.delete(name)
      }
    },
    loop: (name) => loopOf(clock, kept, name),
    waits(what, why) {
      // What goes well the first time was no waiting.
      if (why === null && !kept.waiting.delete(what)) return
      if (why !== null) kept.waiting.set(what, why)
      kept.waited.atMs = clock.monoMs()
    },
    noting: () => healthOf(keptIn(noted, kept.prefix, kept.waited)),
    child: (prefix) => healthOf(keptIn(needed, `${kept.prefix}${prefix}/`, { atMs: Number.NEGATIVE_INFINITY })),
  })
  return {
    ...healthOf(keptIn(needed, '', { atMs: Number.NEGATIVE_INFINITY })),
    report() {
      const nowMs = clock.monoMs()
      return {
        unlive: needed.flatMap((kept) => stuckLoops(kept, nowMs)),
        unready: needed.flatMap(missing),
        notes: noted.flatMap((kept) => [...missing(kept), ...stuckLoops(kept, nowMs)]),
      }
    },
  }
}

function loopOf(clock: Clock, { work }: Kept, name: string): Loop {
  const pieces = work.get(name) ?? new Set()
  work.set(name, pieces)
  return {
    begin() {
      const piece = { sinceMs: clock.monoMs() }
      pieces.add(piece)
      return () => void pieces.delete(piece)
    },
  }
}

function missing({ conditions, waiting, prefix }: Kept): readonly Reason[] {
  const failing = [...conditions].map(([name, probe]) => [name, probe()] as const)
  return [...failing, ...waiting].flatMap(([name, why]) => (why === null ? [] : [{ name: prefix + name, why }]))
}

function stuckLoops({ work, waited, prefix }: Kept, nowMs: number): readonly Reason[] {
  return [...work].flatMap(([name, pieces]) => {
    const sinceMs = Math.min(...[...pieces].map((piece) => piece.sinceMs))
    const stuckMs = nowMs - Math.max(sinceMs, waited.atMs)
    if (pieces.size === 0 || stuckMs < stuckAfterMs) return []
    return [
      {
        name: prefix + name,
        why: `no progress for ${Math.round(stuckMs / 1_000)} s, and it waits for nothing outside`,
      },
    ]
  })
}
