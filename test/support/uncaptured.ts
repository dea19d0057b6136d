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
  /** What is lost, in words: where to begin to look. */
  readonly lost: readonly string[]
}

/** The tap sends what it saw in order; two answers that end within this time of each other may have gone either way. */
const sameTimeMs = 250

/**
 * Answers that callers got and the log does not know. A gateway that is killed has not sent what it saw last, because the live path never waits for the tap. The tap
 * sends in order within a partition, so what is missing was not sent yet exactly when nothing later that the same gateway put into the same partition is there.
 *
 * @param captured ids of exchanges whose answer is in the log
 * @param deadAtMs when each gateway that was killed was dead
 */
export function uncaptured(
  seen: readonly SeenExchange[],
  captured: ReadonlySet<unknown>,
  deadAtMs: readonly number[],
): Uncaptured {
  const deaths = deadAtMs.toSorted((a, b) => a - b)
  const answered = seen.flatMap(({ id, status, endedAtMs }) =>
    id !== null && status !== null && status < 400 ? [{ id, endedAtMs, life: lifeAt(deaths, endedAtMs) }] : [],
  )
  const lastSentMs = new Map<string, number>()
  for (const one of answered) {
    if (!captured.has(one.id)) continue
    const queue = queueOf(one)
    lastSentMs.set(queue, Math.max(lastSentMs.get(queue) ?? 0, one.endedAtMs))
  }
  const missing = answered.filter(({ id }) => !captured.has(id))
  const unsent = missing.filter(
    (one) => one.life < deaths.length && (lastSentMs.get(queueOf(one)) ?? 0) <= one.endedAtMs + sameTimeMs,
  )
  const lost = missing.filter((one) => !unsent.includes(one))
  return {
    answered: answered.length,
    missing: missing.length,
    unsent: unsent.length,
    unsentForMsMax: Math.max(0, ...unsent.map(({ life, endedAtMs }) => (deaths[life] ?? endedAtMs) - endedAtMs)),
    lost: lost.map((one) => {
      const later = lastSentMs.get(queueOf(one))
      const last = later === undefined ? 'nothing' : `the last of ${later - one.endedAtMs} ms later`
      return `${one.id}, answered ${new Date(one.endedAtMs).toISOString()}, gateway ${one.life} of ${deaths.length}, queue ${queueOf(one)}: ${last} is there`
    }),
  }
}

/** What a gateway has answered is read by its caller so long after its death at most; a new gateway needs longer to come up. */
const readLateMs = 250

/** How many gateways were dead before the one that gave that answer. */
function lifeAt(deaths: readonly number[], endedAtMs: number): number {
  return deaths.filter((atMs) => atMs + readLateMs < endedAtMs).length
}

function queueOf({ id, life }: { readonly id: string; readonly life: number }): string {
  return `${life}/${partitionOf(id, topics.exchanges.partitions)}`
}
