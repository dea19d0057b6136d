import type { Server, ServerResponse } from 'node:http'
import type { Logger } from '../platform/log/logger.ts'
import type { ExchangeFields } from '../platform/log/trace-fields.ts'

export interface DrainOptions {
  /** New connections are still taken for this long, so that what balances load can see that it should send none. */
  readonly leadMs: number
  /** What still runs after this is cut off. */
  readonly withinMs: number
  readonly log: Logger
  /** How the log names the exchange of an answer; null when it is none's. */
  named(response: ServerResponse): ExchangeFields | null
  /** Whatever accepts connections for the server beside itself is to accept no more. */
  stopListening(): void
}

/** Follows what a server answers, and lets it end. */
export interface Drain {
  readonly draining: boolean
  /** Every answer, when its request arrives. */
  follow(response: ServerResponse): void
  /** Takes no new connections and resolves when the last answer has ended or the time is over. */
  run(server: Server, options: DrainOptions): Promise<void>
}

const idleCheckMs = 100
/** Of so many answers that are cut off the log names the exchanges: a line must stay one that can be read. */
const namedMax = 100

export function createDrain(): Drain {
  const running = new Set<ServerResponse>()
  let draining = false
  return {
    get draining() {
      return draining
    },
    follow(response) {
      // Told by `connection: close` that this connection takes no more, a client does not lose a request to its end.
      if (draining) response.shouldKeepAlive = false
      running.add(response)
      response.once('close', () => running.delete(response))
    },
    async run(server, { leadMs, withinMs, log, named, stopListening }) {
      draining = true
      for (const response of running) if (!response.headersSent) response.shouldKeepAlive = false
      if (leadMs > 0) await new Promise((resolve) => setTimeout(resolve, leadMs))
      stopListening()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const idle = setInterval(() => server.closeIdleConnections(), idleCheckMs)
      const late = setTimeout(() => {
        const exchanges = [...running].flatMap((response) => named(response) ?? []).slice(0, namedMax)
        log.warn(
          { answers: running.size, withinMs, exchanges },
          'answers were cut off: they ran on after the time to drain',
        )
        server.closeAllConnections()
      }, withinMs)
      await closed
      clearInterval(idle)
      clearTimeout(late)
    },
  }
}
