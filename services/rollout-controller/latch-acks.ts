import type { Ack } from '../domain/events/records.ts'
import type { Clock } from '../domain/time/clock.ts'

/** How long routers take to say that a latch is in force, by the clock of the one who hears both. */
export interface LatchAcks {
  heardLatch(id: string): void
  heardAck(ack: Ack): void
}

/** Latches are rare; of older ones nobody asks any more. */
const latchesMax = 1_000

export function createLatchAcks(clock: Clock, onAcked: (seconds: number) => void): LatchAcks {
  const heard = new Map<string, { readonly atMs: number; readonly routers: Set<string> }>()
  return {
    heardLatch(id) {
      if (heard.has(id)) return
      heard.set(id, { atMs: clock.monoMs(), routers: new Set() })
      const [oldest] = heard.keys()
      if (heard.size > latchesMax && oldest !== undefined) heard.delete(oldest)
    },
    heardAck({ router, brakes }) {
      // Routers name their brakes again every ten seconds: the first time counts.
      for (const brake of brakes) {
        const latch = heard.get(brake.slice(brake.lastIndexOf('/') + 1))
        if (latch === undefined || latch.routers.has(router)) continue
        latch.routers.add(router)
        onAcked((clock.monoMs() - latch.atMs) / 1_000)
      }
    },
  }
}
