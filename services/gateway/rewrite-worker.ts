import { parentPort } from 'node:worker_threads'
import { parseRequestBody, withVariant } from '../domain/sampling/replay-body.ts'
import type { RewriteJob, RewriteResult } from './body-rewriter.ts'

parentPort?.on('message', ({ id, body, variant }: RewriteJob) => {
  const rewritten = rewrite(body, variant)
  const result: RewriteResult = { id, body: rewritten }
  parentPort?.postMessage(result, rewritten === null ? [] : [rewritten.buffer as ArrayBuffer])
})

/** Null for what is no JSON object, and for what is nested deeper than can be written again. */
function rewrite(body: Uint8Array, variant: RewriteJob['variant']): Uint8Array | null {
  try {
    const parsed = parseRequestBody(body)
    return typeof parsed === 'string' ? null : new TextEncoder().encode(JSON.stringify(withVariant(parsed, variant)))
  } catch {
    return null
  }
}
