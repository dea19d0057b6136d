import { parentPort } from 'node:worker_threads'
import { parseRequestBody } from '../domain/sampling/replay-body.ts'
import { withChange } from '../domain/sampling/variant-change.ts'
import type { RewriteJob } from './body-rewriter.ts'

parentPort?.on('message', (job: RewriteJob) => {
  const rewritten = rewrite(job)
  parentPort?.postMessage(rewritten, rewritten === null ? [] : [rewritten.buffer])
})

/** Null for what is no JSON object, and for what is nested deeper than can be written again. */
function rewrite({ body, change }: RewriteJob): Uint8Array<ArrayBuffer> | null {
  try {
    const parsed = parseRequestBody(body)
    return typeof parsed === 'string' ? null : new TextEncoder().encode(JSON.stringify(withChange(parsed, change)))
  } catch {
    return null
  }
}
