import { setTimeout as delay } from 'node:timers/promises'

/** What became of the calls so far. */
export interface CallCounts {
  sent: number
  answered: number
  failed: number
  skipped: number
}

/**
 * Open loop: the n-th call is due at n / rate, whatever has been answered by then, and one that finds too many open is skipped and counted. Ends after
 * `calls`, or when it is stopped, which waits for those that are open.
 */
export function startPacedCalls(
  counts: CallCounts,
  options: {
    readonly perSecond: number
    readonly concurrentMax: number
    readonly calls: number
    /** Must not reject. */
    call(index: number): Promise<void>
  },
): { stop(): Promise<void> } {
  const open = new Set<Promise<void>>()
  let stopped = false
  const loop = async () => {
    const startMs = performance.now()
    for (let index = 0; !stopped && index < options.calls; index += 1) {
      const waitMs = startMs + (index * 1_000) / options.perSecond - performance.now()
      if (waitMs > 1) await delay(waitMs)
      if (open.size >= options.concurrentMax) {
        counts.skipped += 1
        continue
      }
      counts.sent += 1
      const calling: Promise<void> = options.call(index).finally(() => open.delete(calling))
      open.add(calling)
    }
  }
  const looping = loop()
  return {
    async stop() {
      stopped = true
      await looping
      await Promise.allSettled([...open])
    },
  }
}
