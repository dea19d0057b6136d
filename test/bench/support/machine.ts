import { cpus, loadavg, release, totalmem, type } from 'node:os'

/** Where numbers were taken. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  /** Load average over one minute when it was asked: before a measurement, what others do. */
  readonly load: number
}

/** This machine, now. */
export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: totalmem() / 2 ** 30,
    system: `${type()} ${release()}`,
    node: process.version,
    load: loadavg()[0] ?? 0,
  }
}

/** The machine in one line, as it stands above a table; `versions` are those of the peers. */
export function machineLine(machine: Machine, versions: readonly string[] = []): string {
  const { processor, cores, memoryGiB, system, load, node } = machine
  const own = `${processor} (${cores} cores, ${memoryGiB.toFixed(0)} GiB, ${system}, load ${load.toFixed(1)} before)`
  return `on ${[own, `Node ${node}`, ...versions].join(', ')}.`
}
