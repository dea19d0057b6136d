import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Recording } from './recordings.ts'

export interface TrafficCounts {
  sent: number
  answered: number
  failed: number
  skipped: number
}

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
  readonly counts: TrafficCounts
  stop(): Promise<void>
}

const concurrentMax = 200

/** Open loop: the n-th request is due at n / rate, and one that finds too many open is skipped and counted. Every user is new, every other answer streamed. */
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
  const counts: TrafficCounts = { sent: 0, answered: 0, failed: 0, skipped: 0 }
  const open = new Set<Promise<void>>()
  let stopped = false
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
  const loop = async () => {
    const startMs = performance.now()
    for (let index = 0; !stopped && (options.repeat || index < options.recordings.length); index += 1) {
      const waitMs = startMs + (index * 1000) / options.perSecond - performance.now()
      if (waitMs > 1) await delay(waitMs)
      if (open.size >= concurrentMax) {
        counts.skipped += 1
        continue
      }
      counts.sent += 1
      const sending: Promise<void> = send(index).finally(() => open.delete(sending))
      open.add(sending)
    }
  }
  const looping = loop()
  return {
    counts,
    async stop() {
      stopped = true
      await looping
      await Promise.allSettled([...open])
      await agent.close()
    },
  }
}
