import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import type { Machine } from '../support/machine.ts'
import { thisMachine } from '../support/machine.ts'
import { type BusyProcessors, countProcessors } from './busy-processors.ts'
import type { FaultResults } from './faults.ts'
import type { KillBy, KillTimes } from './kills.ts'
import type { LatchTimes } from './latches.ts'
import type { OutageResults } from './outage.ts'
import type { Prediction } from './predicted.ts'

/** What one part measured, and where and how. */
export interface Part<T> {
  readonly machine: Machine
  /** Load average over one minute when it was done: the services', the servers' and the benchmark's own. */
  readonly loadAfter: number
  readonly processors: BusyProcessors
  readonly command: string
  readonly values: T
}

/** Everything that is kept in revert.json; parts are measured one by one. */
export interface RevertResults {
  /** Latches as they were before a change that `latches` has. */
  readonly before?: Part<readonly LatchTimes[]>
  readonly latches?: Part<readonly LatchTimes[]>
  readonly kills?: Part<Readonly<Record<KillBy, readonly KillTimes[]>>>
  readonly outage?: Part<OutageResults>
  readonly faults?: Part<readonly FaultResults[]>
  readonly predictions?: readonly Prediction[]
}

const file = new URL('../revert.json', import.meta.url)

/** What has been kept so far; nothing when nothing was. */
export function keptResults(): RevertResults {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RevertResults
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

export async function measured<T>(stackDir: string, command: string, measure: () => Promise<T>): Promise<Part<T>> {
  const machine = thisMachine()
  const counted = countProcessors(stackDir)
  const values = await measure()
  return { machine, loadAfter: loadavg()[0] ?? 0, processors: counted(), command, values }
}
