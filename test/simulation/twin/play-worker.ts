import { parentPort } from 'node:worker_threads'
import { runSchedule } from './run-schedule.ts'
import { paces, type Schedule, scheduleOf } from './schedule.ts'
import { violations } from './violations.ts'

export interface Asked {
  readonly seed: number
  readonly pace: keyof typeof paces
}

/** What came of one seed. */
export interface Played {
  readonly schedule: Schedule
  readonly found: readonly string[]
}

async function play({ seed, pace }: Asked): Promise<Played> {
  const schedule = scheduleOf(seed, paces[pace])
  return { schedule, found: await violations(await runSchedule(schedule)) }
}

parentPort?.on('message', (asked: Asked) => {
  // A rejection ends the worker, and whoever asked hears of it.
  void play(asked).then((played) => parentPort?.postMessage(played))
})
