import { Agent, request } from 'undici'
import { type CallCounts, startPacedCalls } from './paced-calls.ts'
import type { Recording } from './recordings.ts'

/** One request, as its caller saw it. */
export interface SeenExchange {
  /** What the gateway called it; null when there was no answer. */
  readonly id: string | null
  /** HTTP status; null when the connection broke. */
  readonly status: number | null
  readonly endedAtMs: number
}

/** Requests at a fixed rate, whatever the answers do, until stopped or out of recordings. */
export interface Traffic {
  readonly counts: CallCounts
  stop(): Promise<void>
}

const concurrentMax = 200

/** Every user is new, every other answer streamed. */
export function startTraffic(options: {
  readonly url: string
  readonly token: string
  readonly route: string
  readonly model: string
  readonly recordings: readonly Recording[]
  readonly perSecond: number
  /** Start over when the recordings are used up. */
  readonly repeat: boolean
  onExchange?(exchange: SeenExchange): void
}): Traffic {
  const agent = new Agent({ connections: concurrentMax })
  const counts: CallCounts = { sent: 0, answered: 0, failed: 0, skipped: 0 }
  const send = async (index: number) => {
    const recording = options.recordings[index % options.recordings.length]
    if (recording === undefined) return
    try {
      const { statusCode, headers, body } = await request(`${options.url}/chat/completions`, {
        method: 'POST',
        dispatcher: agent,
        headers: {
          authorization: `Bearer ${options.token}`,
          'content-type': 'application/json',
          'x-penstock-route': options.route,
          'x-penstock-user': `user-${options.route}-${index}`,
          'x-penstock-golden': recording.id,
        },
        body: JSON.stringify({
          model: options.model,
          stream: index % 2 === 1,
          messages: [{ role: 'user', content: recording.prompt }],
        }),
      })
      const id = headers['x-penstock-exchange']
      await body.dump({ limit: 10_000_000 })
      options.onExchange?.({ id: typeof id === 'string' ? id : null, status: statusCode, endedAtMs: Date.now() })
      if (statusCode < 400) counts.answered += 1
      else counts.failed += 1
    } catch {
      options.onExchange?.({ id: null, status: null, endedAtMs: Date.now() })
      counts.failed += 1
    }
  }
  const calls = options.repeat ? Number.POSITIVE_INFINITY : options.recordings.length
  const paced = startPacedCalls(counts, { perSecond: options.perSecond, concurrentMax, calls, call: send })
  return {
    counts,
    async stop() {
      await paced.stop()
      await agent.close()
    },
  }
}
