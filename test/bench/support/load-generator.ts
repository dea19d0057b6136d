import { Agent, request } from 'node:http'
import { noConnection } from './no-connection.ts'

/**
 * A process of its own that sends requests by a schedule, whatever has been answered by then, and measures from when each was to be sent: a target
 * that is slow delays no later request and hides none of its own delay.
 */
export interface Turn {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** When to send, in ms from the start of the turn. */
  readonly offsetsMs: readonly number[]
  /** Who asks: so many people in turn, each in a session of their own. Default: the headers say. */
  readonly people?: number
  /** Calls of this process that may be under way at once, as whoever balances load has so many connections; one that finds none free fails as `noConnection`. */
  readonly underWayMax?: number
  /** What is not answered so long after the last was sent counts as failed. Default 5 s. */
  readonly patienceMs?: number
}

/** Turns may overlap; each is answered under its number. */
export interface NumberedTurn {
  readonly number: number
  readonly turn: Turn
}

export interface NumberedSamples {
  readonly number: number
  readonly samples: readonly Sample[]
}

/** What came of one request, in ms from when it was to be sent; null where it failed or was not over in time. */
export interface Sample {
  readonly offsetMs: number
  /** How late it was sent: this process's own jitter. */
  readonly lateMs: number
  readonly answer: { readonly firstByteMs: number; readonly firstEventMs: number; readonly totalMs: number } | null
  /** What our gateway calls the exchange; null where none answered. */
  readonly exchange: string | null
  /** Of an answer that is none: its status, or the error's code, and when it was over. */
  readonly failure: { readonly what: string; readonly overMs: number } | null
}

const defaultPatienceMs = 5_000
let underWay = 0
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

function send(turn: Turn, index: number, startMs: number, signal: AbortSignal): Promise<Sample> {
  const offsetMs = turn.offsetsMs[index] ?? 0
  const dueMs = startMs + offsetMs
  const lateMs = performance.now() - dueMs
  const since = () => performance.now() - dueMs
  return new Promise<Sample>((resolve) => {
    let exchange: string | null = null
    const failed = (what: string) =>
      resolve({ offsetMs, lateMs, answer: null, exchange, failure: { what, overMs: since() } })
    const onError = (error: NodeJS.ErrnoException) => failed(error.code ?? error.name)
    underWay += 1
    if (underWay > (turn.underWayMax ?? Number.POSITIVE_INFINITY)) return failed(noConnection)
    const headers = { ...turn.headers, ...(turn.people === undefined ? {} : personHeaders(index % turn.people)) }
    const call = request(turn.url, { method: 'POST', agent, headers, signal }, (response) => {
      const firstByteMs = since()
      let firstEventMs = Number.NaN
      exchange = String(response.headers['x-penstock-exchange'] ?? '') || null
      response.on('data', () => {
        if (Number.isNaN(firstEventMs)) firstEventMs = since()
      })
      response.on('end', () => {
        if (response.statusCode === 200 && response.complete)
          resolve({
            offsetMs,
            lateMs,
            answer: { firstByteMs, firstEventMs, totalMs: since() },
            exchange,
            failure: null,
          })
        else failed(String(response.statusCode))
      })
      response.on('error', onError)
    })
    call.on('error', onError)
    call.end(turn.body)
  }).finally(() => {
    underWay -= 1
  })
}

function personHeaders(person: number): Readonly<Record<string, string>> {
  return { 'x-penstock-user': `user-${person}`, 'x-penstock-session': `session-${person}` }
}

async function run(turn: Turn): Promise<readonly Sample[]> {
  const startMs = performance.now() + 5
  const stopping = new AbortController()
  const samples: Promise<Sample>[] = []
  await new Promise<void>((resolve) => {
    let next = 0
    const step = () => {
      const nowMs = performance.now()
      for (; next < turn.offsetsMs.length; next += 1) {
        const offsetMs = turn.offsetsMs[next] ?? 0
        if (startMs + offsetMs > nowMs) break
        samples.push(send(turn, next, startMs, stopping.signal))
      }
      if (next === turn.offsetsMs.length) resolve()
      // A timer of Node may be a millisecond late, for every target alike; spinning would take a core from the targets.
      else setTimeout(step, 1)
    }
    step()
  })
  const late = setTimeout(() => stopping.abort(), turn.patienceMs ?? defaultPatienceMs)
  const all = await Promise.all(samples)
  clearTimeout(late)
  return all
}

process.on('message', ({ number, turn }: NumberedTurn) => {
  void run(turn).then((samples) => process.send?.({ number, samples } satisfies NumberedSamples))
})
process.on('disconnect', () => process.exit(0))
