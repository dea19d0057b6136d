import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { baselineModel } from './model-names.ts'
import { questionOf, userHeader } from './model-server.ts'

/** Requests at a fixed rate, whatever the answers do. */
export interface SteadyTraffic {
  /** Where the next request goes. */
  route: string
  readonly counts: { sent: number; answered: number; failed: number; skipped: number }
  stop(): Promise<void>
}

export interface SteadyTrafficOptions {
  readonly url: string
  readonly token: string
  readonly route: string
  readonly perSecond: number
  /** People who ask, in turn; null: everybody asks once. */
  readonly people: number | null
}

const concurrentMax = 600
/** Questions are asked over and over; a golden set holds them all. */
export const questions = 50

/** Open loop: the n-th request is due at n / rate; one that finds too many open is skipped and counted. */
export function startSteadyTraffic(options: SteadyTrafficOptions): SteadyTraffic {
  const agent = new Agent({ connections: concurrentMax })
  const open = new Set<Promise<void>>()
  let stopped = false
  const traffic = { route: options.route, counts: { sent: 0, answered: 0, failed: 0, skipped: 0 } }
  const { counts } = traffic
  const send = async (index: number) => {
    const user = `user-${options.people === null ? index : index % options.people}`
    const number = index % questions
    try {
      const { statusCode, body } = await request(`${options.url}/chat/completions`, {
        method: 'POST',
        dispatcher: agent,
        headers: {
          authorization: `Bearer ${options.token}`,
          'content-type': 'application/json',
          'x-penstock-route': traffic.route,
          'x-penstock-user': user,
          'x-penstock-golden': `q${number}`,
          [userHeader]: user,
        },
        body: JSON.stringify({
          model: baselineModel(traffic.route),
          messages: [{ role: 'user', content: questionOf(number) }],
        }),
      })
      await body.dump()
      if (statusCode < 400) counts.answered += 1
      else counts.failed += 1
    } catch {
      counts.failed += 1
    }
  }
  const loop = async () => {
    const startMs = performance.now()
    for (let index = 0; !stopped; index += 1) {
      const waitMs = startMs + (index * 1_000) / options.perSecond - performance.now()
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
  return Object.assign(traffic, {
    async stop() {
      stopped = true
      await looping
      await Promise.allSettled([...open])
      await agent.close()
    },
  })
}
