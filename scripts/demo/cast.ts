import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import type { RunView } from './api-views.ts'
import type { Installation } from './installation.ts'
import type { ModelServer } from './model-server.ts'
import type { Stage } from './stage.ts'
import type { Traffic } from './traffic.ts'

/** What both acts play with. */
export interface Cast {
  readonly stage: Stage
  readonly model: ModelServer
  readonly installation: Installation
  readonly api: ApiClient
  readonly seed: number
  readonly perSecond: number
}

/** Shows the run's status each second until `done` says so; throws after the limit with the last reason. */
export async function watch(
  cast: Cast,
  run: string,
  traffic: Traffic,
  limitS: number,
  done: (status: RunView) => boolean,
): Promise<RunView> {
  for (let second = 0; ; second += 1) {
    const status = await cast.api.status(run)
    if (second % 2 === 0 || done(status)) cast.stage.status(status, traffic.counts.sent)
    if (done(status)) return status
    if (second >= limitS) throw new Error(`still ${status.phase} after ${limitS} s: ${status.decisionReason}`)
    await delay(1_000)
  }
}

/** Waits until the store answers with something that suffices; the sink writes about a second behind. */
export async function eventually<T>(
  ask: () => Promise<T>,
  suffices: (answer: T) => boolean,
  withinMs = 20_000,
): Promise<T> {
  for (const endMs = Date.now() + withinMs; ; await delay(300)) {
    const answer = await ask()
    if (suffices(answer) || Date.now() > endMs) return answer
  }
}
