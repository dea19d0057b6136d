import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'

export interface TimedChunk {
  readonly data: Uint8Array
  /** When it was received, ms. */
  readonly atMs: number
}

export interface DecodedContent {
  readonly chunks: readonly TimedChunk[]
  /** `damaged`: the bytes do not keep to their encoding. `unread`: the encoding is unknown here, or there was more than `bytesMax`. */
  readonly end: 'whole' | 'damaged' | 'unread'
}

const decoders: Readonly<Record<string, (first: number) => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  // The standard means zlib's form; some servers send the bare one. The low half of zlib's first byte is 8.
  deflate: (first) => (first % 16 === 8 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
}

/** Whether a Content-Encoding leaves the bytes as they are. */
export function isPlain(encoding: string): boolean {
  return ['', 'identity'].includes(encoding.trim().toLowerCase())
}

/**
 * Undoes a Content-Encoding. What a chunk unpacks to keeps the chunk's time, so that first tokens stay datable. Nothing beyond `bytesMax` is
 * unpacked: a small answer may unpack to gigabytes.
 */
export async function decodeContent(
  encoding: string,
  chunks: readonly TimedChunk[],
  bytesMax: number,
): Promise<DecodedContent> {
  if (isPlain(encoding) || chunks.length === 0) return { chunks, end: 'whole' }
  const decoder = decoders[encoding.trim().toLowerCase()]?.(chunks.find(({ data }) => data.length > 0)?.data[0] ?? 0)
  if (decoder === undefined) return { chunks: [], end: 'unread' }
  const unpacked: TimedChunk[] = []
  let bytes = 0
  let end: DecodedContent['end'] = 'whole'
  let nowMs = 0
  decoder.on('data', (data: Buffer) => {
    bytes += data.length
    if (bytes <= bytesMax) unpacked.push({ data, atMs: nowMs })
    else {
      end = 'unread'
      decoder.destroy()
    }
  })
  const ended = new Promise<void>((resolve) => {
    decoder.once('end', resolve)
    decoder.once('close', resolve)
    decoder.once('error', () => {
      end = 'damaged'
      resolve()
    })
  })
  for (const { data, atMs } of chunks) {
    if (decoder.destroyed) break
    nowMs = atMs
    await Promise.race([ended, new Promise<void>((resolve) => decoder.write(data, () => resolve()))])
  }
  if (!decoder.destroyed) decoder.end()
  await ended
  return { chunks: unpacked, end }
}
