import { Worker } from 'node:worker_threads'
import { errorText } from '../platform/log/error-text.ts'
import type { Logger } from '../platform/log/logger.ts'
import type { ExchangeFields } from '../platform/log/trace-fields.ts'
import type { Counter, Gauge, Metrics } from '../platform/metrics/metrics.ts'
import { recordTextBytesMax } from '../platform/model-api/fitting-response.ts'
import { answerBytesMax } from '../platform/model-api/heard-answer.ts'
import { exchangeFields } from './exchange-fields.ts'
import { createTapLosses, type LeftOut, type TapLosses } from './tap-losses.ts'
import type { TapEnd, TapMessage, TapReply, TapRequest, TapWorkerOptions } from './tap-messages.ts'
import { createOutbox } from './tap-outbox.ts'

/**
 * Where the proxy loop drops what it saw. Never waits and never fails: above the byte budget bodies are left out first, then whole exchanges, and
 * all of it is counted.
 */
export interface Tap {
  begin(id: string, request: TapRequest, body: Uint8Array): TappedExchange
  /** Sends what still waits, for at most a few seconds. */
  stop(): Promise<void>
}

/** A tap that says what it could not take. */
export interface CountingTap extends Tap {
  /** What was left out in the last minute, in words; null when nothing was. */
  lossesLately(): string | null
}

export interface TappedExchange {
  chunk(data: Uint8Array, atMs: number): void
  end(end: Omit<TapEnd, 'truncated'>): void
}

/** The thread behind the tap, as far as the tap sees it. */
export interface TapThread {
  /** The message's bytes become the thread's own. */
  post(message: TapMessage): void
  terminate(): Promise<unknown>
}

export interface TapOptions {
  readonly bytesMax: number
  readonly metrics: Metrics
  readonly log: Logger
  /** How often the thread is asked for a sign of life; 20 that it misses in a row have it replaced. Default 1 s. */
  readonly pingMs?: number
  /** How often the log says what was left out. Default 10 s. */
  readonly sayMs?: number
  /** Starts the thread; `onGone` is called once if it ends by itself. */
  startThread(onReply: (reply: TapReply) => void, onGone: (cause: unknown) => void): TapThread
}

/** What both records of an exchange take in memory besides what callers write. */
const exchangeBytes = 4_000
/** What one chunk takes besides its bytes. */
const chunkBytes = 200
/** Everything is held twice: as it came, and as the record made of it. */
const copies = 2
/** Bodies leave this share of the budget to the heads of exchanges. */
const bodyShare = 0.8
const stopWaitMs = 5_000
const restartMs = 1_000
const defaultPingMs = 1_000
/** So many pings in a row without any answer, and the thread hangs: above what it takes to load it on a busy machine. */
const missedMax = 20

/** The worker thread of tap-worker.ts. */
export function tapWorkerThread(
  options: Omit<TapWorkerOptions, 'waitingBytesMax'> & { readonly bytesMax: number },
): TapOptions['startThread'] {
  const { bytesMax, ...rest } = options
  const workerData: TapWorkerOptions = { ...rest, waitingBytesMax: Math.floor(bytesMax / copies) }
  return (onReply, onGone) => {
    // The compiler does not rewrite worker addresses: the extension is that of this very file.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./tap-worker.${extension}`, import.meta.url), { workerData })
    worker.on('message', (replies: readonly TapReply[]) => replies.forEach(onReply))
    let cause: unknown = null
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (code) => onGone(cause ?? `exit code ${code}`))
    const outbox = createOutbox<TapMessage>((messages) => worker.postMessage(messages, messages.flatMap(moved)))
    return {
      post(message) {
        const urgent = message.kind === 'ping' || message.kind === 'stop'
        outbox.put(message, bytesOf(message)?.length ?? 0, urgent)
      },
      terminate() {
        outbox.close()
        return worker.terminate()
      },
    }
  }
}

function bytesOf(message: TapMessage): Uint8Array | null {
  if (message.kind === 'chunk') return message.data
  return message.kind === 'request' ? message.body : null
}

/** Below this it is cheaper to copy a buffer once more than to move it. */
const movedBytesMin = 16_384

function moved(message: TapMessage): readonly ArrayBuffer[] {
  const bytes = bytesOf(message)
  return bytes === null || bytes.length < movedBytesMin ? [] : [bytes.buffer as ArrayBuffer]
}

export function startTap(options: TapOptions): CountingTap {
  return new ThreadTap(options)
}

/** One thread's life: what it was handed and has not let go of yet. */
interface Link {
  readonly thread: TapThread
  /** Bytes by exchange. */
  readonly held: Map<string, number>
  bytes: number
  /** Pings since the thread was last heard. Counted and not timed: a loop that was held up itself must not blame the thread. */
  missed: number
}

const untapped: TappedExchange = { chunk: () => undefined, end: () => undefined }

class ThreadTap implements CountingTap {
  readonly #options: TapOptions
  readonly #observed: {
    readonly bytes: Gauge
    readonly exchanges: Gauge
    readonly breakdowns: Counter
    readonly irregular: Counter
  }
  #link: Link | null = null
  readonly #losses: TapLosses
  #stopped: PromiseWithResolvers<void> | null = null
  #restart: NodeJS.Timeout | undefined
  readonly #watchdog: NodeJS.Timeout

  constructor(options: TapOptions) {
    const { metrics, bytesMax } = options
    this.#options = options
    this.#observed = {
      bytes: metrics.gauge('penstock_tap_waiting_bytes', 'Bytes handed to the tap and not yet let go'),
      exchanges: metrics.gauge('penstock_tap_waiting_exchanges', 'Exchanges handed to the tap and not yet let go'),
      irregular: metrics.counter(
        'penstock_tap_irregular_answers_total',
        'Streamed answers that ended early (truncated), had an event that is no JSON (garbled), content behind their end or out of order (reordered), or more text than is kept (oversized)',
        ['what'],
      ),
      breakdowns: metrics.counter(
        'penstock_tap_breakdowns_total',
        'Times that the thread of the tap ended by itself, or hung and was replaced',
      ),
    }
    this.#losses = createTapLosses(metrics, options.log, options.sayMs)
    metrics.gauge('penstock_tap_bytes_limit', 'Bytes that may wait in the tap').set(bytesMax)
    this.#start()
    this.#watchdog = setInterval(() => this.#watch(), options.pingMs ?? defaultPingMs)
    this.#watchdog.unref()
  }

  begin(id: string, request: TapRequest, body: Uint8Array): TappedExchange {
    const link = this.#link
    const head = exchangeBytes + writtenBytes(request) * copies
    if (link === null || this.#stopped !== null || !this.#admit(link, id, head, 1)) {
      this.#drop('exchange', exchangeFields(id, request))
      return untapped
    }
    const fits = body.length <= recordTextBytesMax && this.#admit(link, id, body.length * copies, bodyShare)
    if (!fits) this.#drop('body', exchangeFields(id, request))
    // Copies of their own: the body goes to the provider, too, and the socket reuses what it read answers into.
    link.thread.post({
      kind: 'request',
      id,
      request,
      body: fits ? new Uint8Array(body) : null,
      dropped: this.#losses.total(),
    })
    let truncated = false
    let bytes = 0
    return {
      chunk: (data, atMs) => {
        if (truncated || link !== this.#link) return
        const kept = data.subarray(0, answerBytesMax - bytes)
        bytes += kept.length
        const isAdmitted = this.#admit(link, id, kept.length * copies + chunkBytes, bodyShare)
        if (isAdmitted) link.thread.post({ kind: 'chunk', id, data: new Uint8Array(kept), atMs })
        truncated = !isAdmitted || kept.length < data.length
        if (truncated) this.#drop('answer', exchangeFields(id, request))
      },
      end: (end) => {
        if (link === this.#link) link.thread.post({ kind: 'end', id, end: { ...end, truncated } })
      },
    }
  }

  lossesLately(): string | null {
    return this.#losses.lately()
  }

  async stop(): Promise<void> {
    this.#stopped = Promise.withResolvers()
    clearTimeout(this.#restart)
    clearInterval(this.#watchdog)
    const link = this.#link
    if (link === null) {
      this.#losses.stop()
      return
    }
    link.thread.post({ kind: 'stop' })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, stopWaitMs)
    })
    await Promise.race([this.#stopped.promise, late])
    clearTimeout(timer)
    if (link.held.size > 0) this.#options.log.warn({ exchanges: link.held.size }, 'stopped with exchanges unsent')
    this.#losses.stop()
    await link.thread.terminate()
  }

  #start(): void {
    const started: { link: Link | null } = { link: null }
    try {
      const thread = this.#options.startThread(
        (reply) => {
          if (started.link !== null) this.#onReply(started.link, reply)
        },
        (cause) => {
          if (started.link !== null) this.#onGone(started.link, cause)
        },
      )
      started.link = { thread, held: new Map(), bytes: 0, missed: 0 }
      this.#link = started.link
    } catch (cause) {
      this.#brokeDown(cause, 0)
    }
    this.#show()
  }

  /** A thread that ends says so; one that hangs does not, and would hold what it has until the tap is full for ever. */
  #watch(): void {
    const link = this.#link
    if (link === null) return
    if (link.missed < missedMax) {
      link.missed += 1
      link.thread.post({ kind: 'ping' })
      return
    }
    this.#onGone(link, `no sign of life to ${missedMax} pings`)
    link.thread.terminate().catch((error: unknown) => {
      this.#options.log.warn({ err: String(error) }, 'a hanging tap could not be ended')
    })
  }

  #onReply(link: Link, reply: TapReply): void {
    link.missed = 0
    if (reply.kind === 'settled') {
      link.bytes -= link.held.get(reply.id) ?? 0
      link.held.delete(reply.id)
      this.#show()
    } else if (reply.kind === 'lost') this.#drop(reply.what, reply.of)
    else if (reply.kind === 'irregular') for (const what of reply.what) this.#observed.irregular.add(1, { what })
    else if (reply.kind === 'stopped') this.#stopped?.resolve()
  }

  /** Live traffic goes on: what the thread held is lost and counted, and another one takes over. */
  #onGone(link: Link, cause: unknown): void {
    if (this.#link !== link) return
    this.#stopped?.resolve()
    this.#link = null
    if (this.#stopped !== null) return
    this.#brokeDown(cause, link.held.size)
    this.#show()
  }

  #brokeDown(cause: unknown, exchanges: number): void {
    this.#observed.breakdowns.add(1)
    if (exchanges > 0) this.#drop('exchange', null, exchanges)
    this.#options.log.error({ err: errorText(cause), exchanges }, 'the tap broke down; starting it again')
    this.#restart = setTimeout(() => this.#start(), restartMs)
  }

  #admit(link: Link, id: string, bytes: number, share: number): boolean {
    if (link.bytes + bytes > this.#options.bytesMax * share) return false
    link.bytes += bytes
    link.held.set(id, (link.held.get(id) ?? 0) + bytes)
    this.#show()
    return true
  }

  #drop(what: LeftOut, of: ExchangeFields | null, count = 1): void {
    this.#losses.note(what, count, of)
  }

  #show(): void {
    this.#observed.bytes.set(this.#link?.bytes ?? 0)
    this.#observed.exchanges.set(this.#link?.held.size ?? 0)
  }
}

/** What the caller wrote into the heads of the records. */
function writtenBytes(request: TapRequest): number {
  const { headers, promptId, promptVersion, goldenRef, traceparent, clientRequestId } = request
  let bytes = 0
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0)
  for (const text of [promptId, promptVersion, goldenRef, traceparent, clientRequestId]) bytes += text?.length ?? 0
  return bytes
}
