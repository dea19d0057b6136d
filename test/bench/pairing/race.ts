import { readFileSync } from 'node:fs'
import type { Admin } from 'kafkajs'
import type { Transport } from '../../../services/platform/kafka/transport.ts'
import { type ProcessUsage, usageOf } from '../support/process-usage.ts'
import { endProcess, timeProcess } from '../support/timed-process.ts'
import type { Contestant, Course } from './contestants.ts'

/** What one contestant did at one size in one go. */
export interface Race {
  readonly pairs: number
  readonly seconds: number
  readonly pairsPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly peakMiB: number
}

/**
 * Runs one contestant over everything that is preloaded: the clock starts when it has its partitions, and stops when its last record is in the log
 * (a committed one, where it writes in transactions). @throws when it ends, or does not finish in two minutes
 */
export async function race(
  contestant: Contestant,
  course: Course,
  watch: { readonly admin: Admin; readonly transport: Transport; readonly pairs: number; readonly outputs: number },
): Promise<Race> {
  const { name, group } = contestant
  const child = contestant.start(course)
  const pid = child.pid ?? 0
  const timed = timeProcess(name, child, course.logPath)
  const written = await counter(contestant, course, watch)
  try {
    await timed.untilJoined(watch.admin, course.prefix + group)
    const before = usageOf(pid)
    const begunMs = performance.now()
    await timed.until('its last record', async () => (await written.count()) >= watch.outputs)
    return raceOf(watch.pairs, (performance.now() - begunMs) / 1_000, before, usageOf(pid))
  } finally {
    await written.stop()
    await endProcess(child)
  }
}

function raceOf(pairs: number, seconds: number, before: ProcessUsage, after: ProcessUsage): Race {
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds
  const perMillion = (cpuSeconds / pairs) * 1e6
  return {
    pairs,
    seconds,
    pairsPerSecond: pairs / seconds,
    cpuSecondsPerMillion: perMillion,
    peakMiB: after.peakMiB,
  }
}

/** Ends of partitions also count the marks of transactions, so that where there are some the records themselves are read. */
async function counter(
  contestant: Contestant,
  course: Course,
  watch: { readonly transport: Transport; readonly outputs: number },
): Promise<{ count(): Promise<number>; stop(): Promise<void> }> {
  const { output } = contestant
  if (output === null) {
    const hasRead = () => readFileSync(course.logPath, 'utf8').endsWith('read\n')
    return { count: async () => (hasRead() ? watch.outputs : 0), stop: async () => undefined }
  }
  if (!contestant.isTransactional) {
    const count = async () => (await watch.transport.endOffsets(output)).reduce((sum, { offset }) => sum + offset, 0)
    return { count, stop: async () => undefined }
  }
  let records = 0
  const reader = await watch.transport.read({
    topics: [output],
    startAt: 'beginning',
    async onBatch(batch) {
      records += batch.records.length
    },
  })
  return { count: async () => records, stop: () => reader.stop() }
}
