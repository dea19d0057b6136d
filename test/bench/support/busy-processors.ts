import { readFileSync } from 'node:fs'
import { findMarked } from '../../../infra/native/processes.ts'
import { usageOf } from './process-usage.ts'

/** How many processors each process kept busy, and all that is not ours. */
export type BusyProcessors = Readonly<Record<string, number>>

/** Starts counting; what is returned says what was used since, by service or server. */
export function countProcessors(stackDir: string): () => BusyProcessors {
  const before = look(stackDir)
  const beganMs = performance.now()
  return () => {
    const after = look(stackDir)
    const seconds = (performance.now() - beganMs) / 1_000
    const used = (name: string) => ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / seconds
    const ours = [...after.keys()].filter((name) => name !== machine).map((name) => [name, used(name)] as const)
    const others = ours.reduce((rest, [, cores]) => rest - cores, used(machine))
    return { ...Object.fromEntries(ours), others }
  }
}

const machine = 'machine'
const ticksPerSecond = 100

/** Processor seconds so far, by name. */
function look(stackDir: string): ReadonlyMap<string, number> {
  const { user, system } = process.cpuUsage()
  const found = new Map([['benchmark', (user + system) / 1e6]])
  for (const [marker, ids] of findMarked(stackDir)) {
    for (const { pid } of ids) {
      const name = marker.startsWith(`${stackDir}#`) ? marker.slice(stackDir.length + 1) : serviceOf(pid)
      found.set(name, (found.get(name) ?? 0) + usageOf(pid).cpuSeconds)
    }
  }
  const [, ...ticks] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/)
  const [busy, idle] = [ticks.slice(0, 8), ticks.slice(3, 5)].map((part) => part.reduce((sum, n) => sum + Number(n), 0))
  return found.set(machine, ((busy ?? 0) - (idle ?? 0)) / ticksPerSecond)
}

/** Which service runs in a process that `startMarkedService` started. */
export function serviceOf(pid: number): string {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  return /services\/([^/]+)\/main\.ts/.exec(command)?.[1] ?? 'service'
}
