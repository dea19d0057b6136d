import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inheritedEnvironment } from '../../infra/native/config.ts'

/** One running process of Penstock. */
export interface ServiceProcess {
  readonly service: string
  readonly pid: number
  /** Settles when it has ended, however that was: its exit code, or null after a signal. */
  readonly ended: Promise<number | null>
  readonly running: boolean
  /** Asks it to end, and ends it after 15 s. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
  /** Lets this process end while that one goes on. */
  release(): void
}

export interface ServiceProcessOptions {
  /** Name of a folder of `services` that has a main.ts. */
  readonly service: string
  readonly environment: Readonly<Record<string, string>>
  /** Where its log goes, appended; null: to this terminal. */
  readonly logPath: string | null
}

const scriptsDir = dirname(dirname(fileURLToPath(import.meta.url)))
const stopWithinMs = 15_000

export function startServiceProcess({ service, environment, logPath }: ServiceProcessOptions): ServiceProcess {
  const log = logPath === null ? ('inherit' as const) : openSync(logPath, 'a', 0o600)
  const root = dirname(scriptsDir)
  const main = join(root, 'services', service, 'main.ts')
  const child = spawn(process.execPath, [main], {
    // Half of a service's start is compiling it: what is killed is back sooner.
    env: { NODE_COMPILE_CACHE: join(root, '.cache', 'node-compile'), ...inheritedEnvironment(), ...environment },
    stdio: ['ignore', log, log],
    detached: logPath !== null,
  })
  if (typeof log === 'number') closeSync(log)
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve)
    child.once('error', () => resolve(127))
  })
  const running = () => child.exitCode === null && child.signalCode === null && child.pid !== undefined
  return {
    service,
    pid: child.pid ?? 0,
    ended,
    get running() {
      return running()
    },
    async stop() {
      if (!running()) return
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
      await ended
      clearTimeout(late)
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    release: () => child.unref(),
  }
}

/** Characters of an answer that an error repeats. */
const saidMax = 500

/** Waits until an address answers with success. Throws when the process ends first or the time is over, with what was answered last. */
export async function awaitAnswer(
  serving: ServiceProcess,
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly withinMs: number; readonly logPath: string },
): Promise<void> {
  const { headers = {}, withinMs, logPath } = options
  let said = 'nothing'
  for (const endMs = Date.now() + withinMs; Date.now() < endMs; await delay(100)) {
    if (!serving.running)
      throw new Error(`${serving.service} ended with code ${await serving.ended}; its log is ${logPath}`)
    // A service that takes the connection and says nothing is not ready either.
    const signal = AbortSignal.timeout(Math.max(1, endMs - Date.now()))
    const answer = await fetch(url, { headers, signal }).catch(() => null)
    if (answer?.ok === true) return
    said = (await answer?.text().catch(() => '')) || said
  }
  const ready = `${serving.service} was not ready within ${withinMs / 1000} s`
  throw new Error(`${ready}; it says ${said.slice(0, saidMax)}; its log is ${logPath}`)
}
