import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inheritedEnvironment } from '../../../infra/native/config.ts'
import { markerVariable } from '../../../infra/native/processes.ts'

/** Where the benchmark's processes keep their files. */
export interface Place {
  readonly dir: string
  /** Whatever ends the stack there, however the benchmark ends, ends them, too. */
  readonly stackDir: string
  readonly modelPort: number
}

/** Carried in the environment of what the benchmark starts. */
export const markOf = ({ stackDir }: Place) => ({ [markerVariable]: `${stackDir}/services` })

/** Something that calls go through. */
export interface Target {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Named in the body. */
  readonly model: string
  /** Whose time and memory are the target's; empty for none. */
  readonly pids: readonly number[]
}

const readyWithinMs = 90_000

/** Starts a peer and waits until it answers at all. Its output goes to NAME.log. Throws when it ends first or takes too long. */
export async function startProgram(
  place: Place,
  name: string,
  command: readonly [string, ...string[]],
  options: { readonly url: string; readonly environment?: Readonly<Record<string, string>> },
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const logPath = join(place.dir, `${name}.log`)
  const log = openSync(logPath, 'a', 0o600)
  const [file, ...given] = command
  const env = { ...inheritedEnvironment(), ...options.environment, ...markOf(place) }
  const child = spawn(file, given, { env, stdio: ['ignore', log, log] })
  closeSync(log)
  const ended = once(child, 'exit')
  ended.catch(() => undefined)
  for (const endMs = performance.now() + readyWithinMs; ; await delay(100)) {
    if (await fetch(options.url).catch(() => null)) break
    if (isOver(child)) throw new Error(`${name} ended with code ${child.exitCode}; its log is ${logPath}`)
    if (performance.now() > endMs) throw new Error(`${name} did not answer in time; its log is ${logPath}`)
  }
  return {
    pid: child.pid ?? 0,
    async stop() {
      if (isOver(child)) return
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(late)
    },
  }
}

const isOver = ({ exitCode, signalCode, pid }: ChildProcess) =>
  exitCode !== null || signalCode !== null || pid === undefined
