/** Gathers what goes from one thread to another: each message by itself costs both more than what it says. */
export interface Outbox<T> {
  /** Handed over with the others within 50 ms, in order; `now` hands all of them over at once. */
  put(message: T, bytes: number, now: boolean): void
  /** Forgets what waits. */
  close(): void
}

/** Short beside anything that is done with a record; long enough that what is produced to Kafka meanwhile is one batch for each partition. */
const gatherMs = 50
/** What is held here is bounded twice: by the tap's budget, and by this. */
const gatherBytesMax = 256 * 1024

export function createOutbox<T>(handOver: (messages: readonly T[]) => void): Outbox<T> {
  let waiting: T[] = []
  let waitingBytes = 0
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const messages = waiting
    waiting = []
    waitingBytes = 0
    if (messages.length > 0) handOver(messages)
  }
  return {
    put(message, bytes, now) {
      waiting.push(message)
      waitingBytes += bytes
      if (now || waitingBytes > gatherBytesMax) flush()
      else timer ??= setTimeout(flush, gatherMs)
    },
    close() {
      clearTimeout(timer)
      waiting = []
    },
  }
}
