import { parentPort } from 'node:worker_threads'
import { runSchedule } from './run-schedule.ts'
import { type Schedule, scheduleOf } from './schedule.ts'
import { violations } from './violations.ts'

/** What came of one seed. */
export interface Played {
  readonly schedule: Schedule
  readonly found: readonly string[]
}

async function play(seed: number): Promise<Played> {
  const schedule = scheduleOf(seed)
  return { schedule, found: await violations(await runSchedule(schedule)) }
}

parentPort?.on('message', (seed: number) => {
  // A rejection ends the worker, and whoever asked hears of it.
  void play(seed).then((played) => parentPort?.postMessage(played))
})
