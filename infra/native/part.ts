import type { ProcessId } from './processes.ts'
import type { PartName, StackState } from './state.ts'

/** How to run a part's process. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Set when the command only keeps the server: the file in which it names the server's process. */
  readonly serverPidFile?: string
}

/** Folders of one part. */
export interface PartPlace {
  readonly stackDir: string
  /** The part's own folder: configuration and data. */
  readonly dir: string
  /** Where everything the processes print goes; `logs/<part>….log`. */
  readonly logs: string
}

/** One server of the stack. */
export interface Part {
  readonly name: PartName
  /** Time from asking it to end until it is killed. */
  readonly graceMs: number
  /** Writes configuration, formats storage on first use, and says how to start. May be called again on the same folder. */
  prepare(place: PartPlace, state: StackState): Promise<Launch>
  /**
   * Asks the server something only it can answer. Resolves to null when it serves, else to what is wrong; never throws. `server` proves
   * that the answer is not a neighbour's.
   */
  probe(state: StackState, server: ProcessId, place: PartPlace): Promise<string | null>
}

export const probeTimeoutMs = 2000
