import { loadavg } from 'node:os'
import { type BusyProcessors, countProcessors } from './busy-processors.ts'
import { type Machine, machineLine, thisMachine } from './machine.ts'

/** What one part of a benchmark measured, and where and how. */
export interface Part<T> {
  readonly machine: Machine
  /** Load average over one minute when it was done: the services', the servers' and the benchmark's own. */
  readonly loadAfter: number
  readonly processors: BusyProcessors
  readonly command: string
  readonly values: T
}

export async function measured<T>(stackDir: string, command: string, measure: () => Promise<T>): Promise<Part<T>> {
  const machine = thisMachine()
  const counted = countProcessors(stackDir)
  const values = await measure()
  return { machine, loadAfter: loadavg()[0] ?? 0, processors: counted(), command, values }
}

/** What stands above the table of a part: how it was taken and what the machine did meanwhile. */
export function partHead(title: string, { command, machine, loadAfter, processors }: Part<unknown>): readonly string[] {
  const busy = Object.entries(processors)
    .sort(([, a], [, b]) => b - a)
    .map(([name, cores]) => `${name} ${cores.toFixed(2)}`)
  const kept = `Load after: ${loadAfter.toFixed(1)}. Processors kept busy meanwhile: ${busy.join(', ')}.`
  return [`### ${title}`, '', `\`${command}\``, machineLine(machine), kept, '']
}
