import type { SeenExchange } from '../../scripts/demo/traffic.ts'
import { topics } from '../../services/flow.ts'
import { partitionOf } from '../../services/platform/kafka/partition-counts.ts'

export interface Uncaptured {
  /** Calls whose caller got an answer. */
  readonly answered: number
  /** Those of them that the log does not know. */
  readonly missing: number
  /** Those of the missing that a killed gateway had not sent yet; the others are lost. */
  readonly unsent: number
  /** How long before its gateway's death the oldest unsent one was answered, ms. */
  readonly unsentForMsMax: number
}

/** The tap sends what it saw in order; two answers that end within this time of each other may have gone either way. */
const sameTimeMs = 250

/**
 * Answers that callers got and the log does not know. A gateway that is killed has not sent what it saw last, because the live path never waits for the tap. The tap
 * sends in order within a partition, so what is missing was not sent yet exactly when nothing later that the same gateway put into the same partition is there.
 *
 * @param captured ids of exchanges whose answer is in the log
 * @param killedAtMs when the gateway was killed, each time
 */
export function uncaptured(
  seen: readonly SeenExchange[],
  captured: ReadonlySet<unknown>,
  killedAtMs: readonly number[],
): Uncaptured {
  const kills = killedAtMs.toSorted((a, b) => a - b)
  const answered = seen.flatMap(({ id, status, endedAtMs }) =>
    id !== null && status !== null && status < 400 ? [{ id, endedAtMs, life: lifeAt(kills, endedAtMs) }] : [],
  )
  const lastSentMs = new Map<string, number>()
  for (const one of answered) {
    if (!captured.has(one.id)) continue
    const queue = queueOf(one)
    lastSentMs.set(queue, Math.max(lastSentMs.get(queue) ?? 0, one.endedAtMs))
  }
  const missing = answered.filter(({ id }) => !captured.has(id))
  const unsent = missing.filter(
    (one) => one.life < kills.length && (lastSentMs.get(queueOf(one)) ?? 0) <= one.endedAtMs + sameTimeMs,
  )
  return {
    answered: answered.length,
    missing: missing.length,
    unsent: unsent.length,
    unsentForMsMax: Math.max(0, ...unsent.map(({ life, endedAtMs }) => (kills[life] ?? endedAtMs) - endedAtMs)),
  }
}

/** From asking for a kill until nothing more is answered, on a busy machine; a new gateway needs longer to come up. */
const dyingMs = 600

/** How often the gateway had been killed before it gave that answer. */
function lifeAt(kills: readonly number[], endedAtMs: number): number {
  return kills.filter((atMs) => atMs + dyingMs < endedAtMs).length
}

function queueOf({ id, life }: { readonly id: string; readonly life: number }): string {
  return `${life}/${partitionOf(id, topics.exchanges.partitions)}`
}
