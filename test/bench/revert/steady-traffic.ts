import { Agent, request } from 'undici'
import { type CallCounts, startPacedCalls } from '../../../scripts/demo/paced-calls.ts'
import { baselineModel } from '../support/model-names.ts'
import { questionOf, userHeader } from './model-server.ts'

/** Requests at a fixed rate, whatever the answers do. */
export interface SteadyTraffic {
  /** Where the next request goes. */
  route: string
  readonly counts: CallCounts
  /** May be called again: the first time counts. */
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

/** Begins at once. */
export function startSteadyTraffic(options: SteadyTrafficOptions): SteadyTraffic {
  const agent = new Agent({ connections: concurrentMax })
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
          // Without one, all who ask the same within ten minutes are one unit, and there are only so many questions.
          'x-penstock-session': `session-of-${user}`,
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
  const { perSecond } = options
  const paced = startPacedCalls(counts, { perSecond, concurrentMax, calls: Number.POSITIVE_INFINITY, call: send })
  let stopping: Promise<void> | null = null
  return Object.assign(traffic, {
    stop() {
      stopping ??= paced.stop().then(() => agent.close())
      return stopping
    },
  })
}
