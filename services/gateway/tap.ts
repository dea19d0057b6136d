import { Worker } from 'node:worker_threads'
import type { Metrics } from '../platform/metrics/metrics.ts'
import type { TapEnd, TapMessage, TapReply, TapRequest, TapWorkerOptions } from './tap-messages.ts'

/** Where the proxy loop drops what it saw. Never waits: above the byte budget bodies are left out and counted. */
export interface Tap {
  begin(id: string, request: TapRequest, body: Uint8Array): void
  chunk(id: string, data: Uint8Array, atMs: number): boolean
  end(id: string, end: TapEnd): void
  stop(): Promise<void>
}

const stopWaitMs = 5_000

export function startTap(
  options: TapWorkerOptions & { readonly bytesMax: number; readonly metrics: Metrics; onExit(cause: unknown): void },
): Tap {
  // The compiler does not rewrite worker addresses: the extension is that of this very file.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const { bytesMax, metrics, onExit, ...data } = options
  const worker = new Worker(new URL(`./tap-worker.${extension}`, import.meta.url), { workerData: data })
  const waiting = metrics.gauge('penstock_tap_waiting_bytes', 'Bytes handed to the tap and not yet let go')
  const drops = metrics.counter('penstock_tap_drops_total', 'What the tap left out', ['what'])
  metrics.gauge('penstock_tap_bytes_limit', 'Bytes that may wait in the tap').set(bytesMax)
  let held = 0
  let dropped = 0
  let stopping = false
  const drop = (what: 'body' | 'chunk' | 'record', count = 1) => {
    dropped += count
    drops.add(count, { what })
  }
  let resolveStopped: () => void = () => undefined
  const stopped = new Promise<void>((resolve) => {
    resolveStopped = resolve
  })
  worker.on('message', (reply: TapReply) => {
    if (reply.kind === 'freed') {
      held -= reply.bytes
      waiting.set(held)
    } else if (reply.kind === 'lost') drop('record', reply.records)
    else if (reply.kind === 'stopped') resolveStopped()
  })
  worker.on('error', (cause) => {
    resolveStopped()
    if (!stopping) onExit(cause)
  })
  const post = (message: TapMessage) => worker.postMessage(message)
  const admit = (bytes: number): boolean => {
    if (held + bytes > bytesMax) return false
    held += bytes
    waiting.set(held)
    return true
  }
  return {
    begin(id, request, body) {
      const kept = admit(body.length) ? body : null
      if (kept === null) drop('body')
      post({ kind: 'request', id, request, body: kept, dropped })
    },
    chunk(id, data, atMs) {
      if (!admit(data.length)) {
        drop('chunk')
        return false
      }
      // A copy of its own: the socket reuses what it read into.
      post({ kind: 'chunk', id, data: Uint8Array.from(data), atMs })
      return true
    },
    end: (id, end) => post({ kind: 'end', id, end }),
    async stop() {
      stopping = true
      post({ kind: 'stop' })
      await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, stopWaitMs))])
      await worker.terminate()
    },
  }
}
