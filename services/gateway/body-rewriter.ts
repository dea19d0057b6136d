import { Worker } from 'node:worker_threads'
import type { Variant } from '../domain/events/records.ts'
import type { Logger } from '../platform/log/logger.ts'

/** Puts a variant's model and parameters into request bodies, in a thread of its own: a body of megabytes must not stall other calls. */
export interface BodyRewriter {
  /**
   * The new body; null when the given one is no JSON object that can be read and written again: then it must not be sent, since it asks for another
   * model. Rejects when the thread breaks down over it twice, or the gateway stops.
   */
  rewrite(body: Uint8Array, variant: Pick<Variant, 'model' | 'parameters'>): Promise<Uint8Array | null>
  stop(): Promise<void>
}

export interface RewriteJob {
  readonly id: number
  readonly body: Uint8Array
  readonly variant: Pick<Variant, 'model' | 'parameters'>
}

export interface RewriteResult {
  readonly id: number
  readonly body: Uint8Array | null
}

interface Waiting {
  readonly job: RewriteJob
  readonly done: PromiseWithResolvers<Uint8Array | null>
  tries: number
}

const triesMax = 2

export function startBodyRewriter(log: Logger): BodyRewriter {
  return new ThreadRewriter(log)
}

class ThreadRewriter implements BodyRewriter {
  readonly #log: Logger
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker
  #nextId = 0
  #stopping = false

  constructor(log: Logger) {
    this.#log = log
    this.#worker = this.#start()
  }

  rewrite(body: Uint8Array, { model, parameters }: Pick<Variant, 'model' | 'parameters'>): Promise<Uint8Array | null> {
    const id = this.#nextId++
    // A copy: a small body is a piece of a larger buffer, all of which would be handed over.
    const job: RewriteJob = { id, body: new Uint8Array(body), variant: { model, parameters } }
    const done = Promise.withResolvers<Uint8Array | null>()
    this.#waiting.set(id, { job, done, tries: 1 })
    this.#worker.postMessage(job)
    return done.promise
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#worker.terminate()
    for (const { done } of this.#waiting.values()) done.reject(new Error('the gateway stops'))
    this.#waiting.clear()
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./rewrite-worker.${extension}`, import.meta.url))
    worker.on('message', ({ id, body }: RewriteResult) => {
      this.#waiting.get(id)?.done.resolve(body)
      this.#waiting.delete(id)
    })
    worker.on('error', (error) => this.#log.error({ err: String(error) }, 'the body rewriter broke down'))
    worker.on('exit', () => {
      if (!this.#stopping) this.#again()
    })
    return worker
  }

  /** One body may have broken the thread; the others that waited are innocent, and nobody knows which it was. */
  #again(): void {
    this.#worker = this.#start()
    for (const [id, waiting] of this.#waiting) {
      waiting.tries += 1
      if (waiting.tries <= triesMax) this.#worker.postMessage(waiting.job)
      else {
        this.#waiting.delete(id)
        waiting.done.reject(new Error('the body could not be rewritten'))
      }
    }
  }
}
