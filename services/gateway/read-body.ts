import type { IncomingMessage } from 'node:http'

/** After a body that is too large this much more is read and thrown away, so that the caller hears why instead of a broken connection. */
const discardedBytesMax = 64 * 1024 * 1024

/**
 * The whole body of a request; `too_large` beyond `bytesMax` (known at once where the caller announces the length); `gone` when the caller left
 * before its end.
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | 'too_large' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) {
    discard(request)
    return 'too_large'
  }
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    // Leaving the loop must not destroy the request: the refusal goes out on the same socket.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bytesMax) {
        discard(request)
        return 'too_large'
      }
      chunks.push(chunk)
    }
  } catch {
    return 'gone'
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
