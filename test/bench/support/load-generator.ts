import { Agent, request } from 'node:http'

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
}

/** What came of one request, in ms from when it was to be sent; null where it failed or was not over in time. */
export interface Sample {
  readonly offsetMs: number
  /** How late it was sent: this process's own jitter. */
  readonly lateMs: number
  readonly answer: { readonly firstByteMs: number; readonly firstEventMs: number; readonly totalMs: number } | null
}

/** What is not answered so long after the last was sent counts as failed. */
const patienceMs = 5_000
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

function send(turn: Turn, offsetMs: number, dueMs: number, signal: AbortSignal): Promise<Sample> {
  const lateMs = performance.now() - dueMs
  const since = () => performance.now() - dueMs
  return new Promise((resolve) => {
    const failed = () => resolve({ offsetMs, lateMs, answer: null })
    const call = request(turn.url, { method: 'POST', agent, headers: turn.headers, signal }, (response) => {
      const firstByteMs = since()
      let firstEventMs = Number.NaN
      response.on('data', () => {
        if (Number.isNaN(firstEventMs)) firstEventMs = since()
      })
      response.on('end', () => {
        if (response.statusCode === 200 && response.complete)
          resolve({ offsetMs, lateMs, answer: { firstByteMs, firstEventMs, totalMs: since() } })
        else failed()
      })
      response.on('error', failed)
    })
    call.on('error', failed)
    call.end(turn.body)
  })
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
        samples.push(send(turn, offsetMs, startMs + offsetMs, stopping.signal))
      }
      if (next === turn.offsetsMs.length) resolve()
      // A timer of Node may be a millisecond late, for every target alike; spinning would take a core from the targets.
      else setTimeout(step, 1)
    }
    step()
  })
  const late = setTimeout(() => stopping.abort(), patienceMs)
  const all = await Promise.all(samples)
  clearTimeout(late)
  return all
}

process.on('message', (turn: Turn) => {
  void run(turn).then((samples) => process.send?.(samples))
})
process.on('disconnect', () => process.exit(0))
