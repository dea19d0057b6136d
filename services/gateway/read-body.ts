import type { IncomingMessage } from 'node:http'
import type { Metrics } from '../platform/metrics/metrics.ts'

/** After a body that is refused this much more is read and thrown away, so that the caller hears why instead of a broken connection. */
const discardedBytesMax = 64 * 1024 * 1024

/** What the bodies of all calls under way may take together: each alone may be small enough and all at once too much. */
export interface BodyRoom {
  /** False, and nothing taken, when there is no room. */
  take(bytes: number): boolean
  give(bytes: number): void
}

export function createBodyRoom(bytesMax: number, metrics: Metrics): BodyRoom {
  const taken = metrics.gauge('penstock_gateway_body_bytes', 'Bytes of request bodies held for calls under way')
  metrics.gauge('penstock_gateway_body_bytes_limit', 'Bytes of request bodies that may be held at once').set(bytesMax)
  let bytes = 0
  const step = (by: number) => {
    bytes += by
    taken.set(bytes)
  }
  return {
    take(more) {
      if (bytes + more > bytesMax) return false
      step(more)
      return true
    },
    give: (less) => step(-less),
  }
}

export type Refusal = 'too_large' | 'no_room' | 'gone'

/**
 * The whole body of a request, for which the caller gives `room` its length back. `too_large` beyond `bytesMax` (known at once where the caller
 * announces the length), `no_room` when the bodies of other calls take it all, `gone` when the caller left before its end.
 */
export async function readBody(request: IncomingMessage, bytesMax: number, room: BodyRoom): Promise<Buffer | Refusal> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) {
    discard(request)
    return 'too_large'
  }
  const chunks: Buffer[] = []
  let bytes = 0
  const refused = (why: Refusal): Refusal => {
    room.give(bytes)
    if (why !== 'gone') discard(request)
    return why
  }
  try {
    // Leaving the loop must not destroy the request: the refusal goes out on the same socket.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (bytes + chunk.length > bytesMax) return refused('too_large')
      if (!room.take(chunk.length)) return refused('no_room')
      bytes += chunk.length
      chunks.push(chunk)
    }
  } catch {
    return refused('gone')
  }
  return Buffer.concat(chunks)
}

function discard(request: IncomingMessage): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > discardedBytesMax) request.destroy()
  })
  request.on('error', () => undefined)
  request.resume()
}
