import { recordBytes } from './record-size.ts'
import type { OutRecord, Producer, Written } from './transport.ts'

/** A producer for who goes on without waiting for each answer, and must not go on for ever. */
export interface SendRoom {
  send(records: readonly OutRecord[]): Promise<readonly Written[]>
  /** Resolves while fewer than the bytes allowed are without an answer, or when the signal is aborted. */
  free(signal: AbortSignal): Promise<void>
}

export function createSendRoom(producer: Pick<Producer, 'send'>, bytesMax: number): SendRoom {
  const waiting = new Set<() => void>()
  let bytes = 0
  return {
    async send(records) {
      const size = records.reduce((sum, record) => sum + recordBytes(record), 0)
      bytes += size
      try {
        return await producer.send(records)
      } finally {
        bytes -= size
        if (bytes < bytesMax) for (const go of waiting) go()
      }
    },
    async free(signal) {
      while (bytes >= bytesMax && !signal.aborted) {
        const { promise, resolve: go } = Promise.withResolvers<void>()
        const onAbort = () => go()
        waiting.add(go)
        signal.addEventListener('abort', onAbort)
        await promise
        signal.removeEventListener('abort', onAbort)
        waiting.delete(go)
      }
    },
  }
}
