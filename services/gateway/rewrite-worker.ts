import { parentPort } from 'node:worker_threads'
import type { RewriteJob } from './body-rewriter.ts'
import { rewriteBody } from './rewrite-body.ts'

parentPort?.on('message', ({ body, change }: RewriteJob) => {
  const rewritten = rewriteBody(body, change)
  parentPort?.postMessage(rewritten, rewritten === null ? [] : [rewritten.buffer])
})
