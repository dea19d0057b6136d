import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'

const pollMs = 50
const withinMs = 120_000
const endWithinMs = 10_000

/** Waits for what a process does, and notices when it ends instead. */
export interface TimedProcess {
  /** @throws when the process ends, or what is waited for is not seen within two minutes of the start */
  until(what: string, holds: () => Promise<boolean>): Promise<void>
  /** Until the process has the partitions of its consumer group, named as the broker knows it. */
  untilJoined(admin: Admin, group: string): Promise<void>
}

export function timeProcess(name: string, child: ChildProcess, logPath: string): TimedProcess {
  const endMs = performance.now() + withinMs
  const until = async (what: string, holds: () => Promise<boolean>) => {
    while (!(await holds())) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${name} ended with ${child.exitCode}: ${readFileSync(logPath, 'utf8').slice(-2_000)}`)
      if (performance.now() > endMs) throw new Error(`${name}: ${what} not seen within ${withinMs / 1_000} s`)
      await delay(pollMs)
    }
  }
  return {
    until,
    untilJoined: (admin, group) =>
      until('its partitions', async () => {
        const { groups } = await admin.describeGroups([group])
        return groups[0]?.state === 'Stable' && groups[0].members.length > 0
      }),
  }
}

/** Ends it as its operator would, so that it leaves its group and a profile is written; by force when it takes too long. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), endWithinMs)
  await exited
  clearTimeout(force)
}
