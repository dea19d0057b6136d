import { cpus } from 'node:os'
import { Worker } from 'node:worker_threads'
import { positive, readOptions, refuse } from '../../support/options.ts'
import { askWorker } from '../ask-worker.ts'
import type { Asked, Played } from './play-worker.ts'
import { paces } from './schedule.ts'

const usage = `npm run twin [-- --schedules <n>] [-- --seed <n>] [-- --pace <name>]

Plays schedules of faults (kills, pauses, broker stalls, replicas behind, clocks an hour off, failing transactions, a store that forgets inserts and flaps, odd exchanges) through the real pairing, gate, controller,
sink and routers in one process under virtual time, and checks after each what Penstock promises. A seed gives the same schedule everywhere.

  --schedules <n>  how many (default 200)
  --seed <n>       the first seed (default 1); with --schedules 1 it plays that one again
  --pace <name>    long: 25 s of traffic and faults of up to 12 s, with time for what must not happen long after; short: 10 s, the whole life of a run (default);
                   brief: 2 s, and somebody promotes the run: several in the time of a short one
`

const paceNames = Object.keys(paces) as Asked['pace'][]

process.exitCode = await main()

async function main(): Promise<number> {
  const values = readOptions(usage, {
    schedules: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    pace: { type: 'string', default: 'short' },
  })
  const schedules = Math.ceil(positive(usage, '--schedules', values.schedules))
  const first = Number(values.seed)
  if (!Number.isSafeInteger(first)) refuse(usage, `--seed is a whole number, not '${values.seed}'`)
  const pace = paceNames.find((name) => name === values.pace)
  if (pace === undefined) refuse(usage, `--pace is one of ${paceNames.join(', ')}, not '${values.pace}'`)
  const beganMs = Date.now()
  const broken = await playAll(first, schedules, pace)
  const seconds = (Date.now() - beganMs) / 1_000
  const rate = Math.round((schedules / seconds) * 60)
  process.stdout.write(`${schedules} schedules, ${broken} broken, ${Math.round(seconds)} s, ${rate} a minute\n`)
  return broken === 0 ? 0 : 1
}

async function playAll(first: number, schedules: number, pace: Asked['pace']): Promise<number> {
  let [next, done, broken] = [first, 0, 0]
  const work = async () => {
    const worker = new Worker(new URL('./play-worker.ts', import.meta.url))
    while (next < first + schedules) {
      const seed = next
      next += 1
      const { schedule, found } = await askWorker<Asked, Played>(worker, { seed, pace })
      done += 1
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${schedules}`)
      if (found.length === 0) continue
      broken += 1
      process.stdout.write(`seed ${seed} is broken: ${JSON.stringify(schedule)}\n`)
      for (const violation of found.slice(0, 10)) process.stdout.write(`  ${violation}\n`)
    }
    await worker.terminate()
  }
  await Promise.all(Array.from({ length: cpus().length }, work))
  return broken
}
