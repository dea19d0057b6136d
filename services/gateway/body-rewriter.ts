import { Worker } from 'node:worker_threads'
import type { VariantChange } from '../domain/sampling/variant-change.ts'
import { errorText } from '../platform/log/error-text.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { Counter, Gauge, Metrics } from '../platform/metrics/metrics.ts'
import { rewriteBody } from './rewrite-body.ts'

/**
 * Puts what a variant changes into request bodies: small ones at once, large ones in a thread of its own, since a body of megabytes must not stall other
 * calls.
 */
export interface BodyRewriter {
  /**
   * The new body; null when the given one is no JSON object that can be read and written again: then it must not be sent, since it asks for another
   * model. Rejects when the thread breaks down over it, or the gateway stops.
   */
  rewrite(body: Uint8Array, change: VariantChange): Promise<Uint8Array | null>
  stop(): Promise<void>
}

export interface RewriteJob {
  readonly body: Uint8Array<ArrayBuffer>
  readonly change: VariantChange
}

interface Waiting {
  readonly body: Uint8Array
  readonly change: VariantChange
  readonly done: PromiseWithResolvers<Uint8Array | null>
}

export interface BodyRewriterOptions {
  readonly log: Logger
  readonly metrics: Metrics
  /** Bodies up to this size are rewritten at once. Default 16 KiB. */
  readonly atOnceBytesMax?: number
  /** Another thread than that of rewrite-worker.ts, for tests of its end. */
  readonly startThread?: () => Worker
}

/**
 * What takes less of the loop than the rest of a call does. On a busy loop an answer of the thread waits for a whole turn, and so would every call of the
 * candidate and none of the baseline.
 */
const defaultAtOnceBytesMax = 16 * 1024
/** A thread that cannot even start must not be started in a tight loop. */
const restartMs = 100

export function startBodyRewriter(options: BodyRewriterOptions): BodyRewriter {
  return new ThreadRewriter(options)
}

function startRewriteThread(): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new Worker(new URL(`./rewrite-worker.${extension}`, import.meta.url))
}

/**
 * The thread has all bodies that wait: one at a time would cost each the time that two threads take to hear each other, which on a busy machine is much more than
 * the work. It takes and answers them in order, so that when it breaks down it did so over the first that is not answered; the others go to the next thread.
 */
class ThreadRewriter implements BodyRewriter {
  readonly #log: Logger
  readonly #startThread: () => Worker
  readonly #atOnceBytesMax: number
  readonly #breakdowns: Counter
  readonly #gauge: Gauge
  /** Oldest first; while there is a thread it has them all. */
  readonly #waiting: Waiting[] = []
  /** Null between the end of one thread and the start of the next. */
  #worker: Worker | null = null
  #restart: NodeJS.Timeout | undefined
  #stopping = false

  constructor({ log, metrics, startThread, atOnceBytesMax }: BodyRewriterOptions) {
    this.#log = log
    this.#startThread = startThread ?? startRewriteThread
    this.#atOnceBytesMax = atOnceBytesMax ?? defaultAtOnceBytesMax
    this.#breakdowns = metrics.counter(
      'penstock_gateway_rewriter_breakdowns_total',
      'Times that the thread that rewrites bodies ended by itself',
    )
    this.#gauge = metrics.gauge('penstock_gateway_rewriter_waiting_bodies', 'Bodies that wait to be rewritten')
    this.#start()
  }

  async rewrite(body: Uint8Array, change: VariantChange): Promise<Uint8Array | null> {
    if (body.length <= this.#atOnceBytesMax) return rewriteBody(body, change)
    const waiting = { body, change, done: Promise.withResolvers<Uint8Array | null>() }
    this.#waiting.push(waiting)
    this.#gauge.set(this.#waiting.length)
    if (this.#worker !== null) handOver(this.#worker, waiting)
    return waiting.done.promise
  }

  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    await this.#worker?.terminate()
    for (const { done } of this.#waiting.splice(0)) done.reject(new Error('the gateway stops'))
  }

  #start(): void {
    const worker = this.#startThread()
    worker.on('message', (body: Uint8Array | null) => {
      this.#waiting.shift()?.done.resolve(body)
      this.#gauge.set(this.#waiting.length)
    })
    worker.on('error', (error) => this.#log.error({ err: errorText(error) }, 'the body rewriter broke down'))
    worker.on('exit', () => {
      this.#worker = null
      this.#waiting.shift()?.done.reject(new Error('the body could not be rewritten'))
      this.#gauge.set(this.#waiting.length)
      if (this.#stopping) return
      this.#breakdowns.add(1)
      this.#restart = setTimeout(() => this.#start(), restartMs)
    })
    this.#worker = worker
    for (const waiting of this.#waiting) handOver(worker, waiting)
  }
}

function handOver(worker: Worker, { body, change }: Waiting): void {
  // A copy: a small body is a piece of a larger buffer, all of which would be handed over; and another thread may need it once more.
  const job: RewriteJob = { body: new Uint8Array(body), change }
  worker.postMessage(job, [job.body.buffer])
}
