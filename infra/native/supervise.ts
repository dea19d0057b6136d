import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { clickHousePart } from './clickhouse-part.ts'
import { inheritedEnvironment } from './config.ts'
import { kafkaPart } from './kafka-part.ts'
import type { Launch, Part, PartPlace } from './part.ts'
import { endProcess, findMarked, identify, isAlive, markerVariable, type ProcessId, signal } from './processes.ts'
import type { Say } from './progress.ts'
import { redisPart } from './redis-part.ts'
import { registryPart } from './registry-part.ts'
import { StackError } from './stack-error.ts'
import type { PartName, PartProcesses, StackState } from './state.ts'

export const parts: Readonly<Record<PartName, Part>> = {
  kafka: kafkaPart,
  registry: registryPart,
  redis: redisPart,
  clickhouse: clickHousePart,
}

const readyTimeoutMs = 90_000
const pidFileTimeoutMs = 15_000
const pollMs = 50
const waitNoticeMs = 5000
const outputBytesMax = 10 * 1024 * 1024
const logLinesShown = 12

export function placeOf(stackDir: string, name: PartName): PartPlace {
  return { stackDir, dir: join(stackDir, name), logs: join(stackDir, 'logs') }
}

function markerOf(stackDir: string, name: PartName, keeper: boolean): string {
  return `${stackDir}#${name}${keeper ? '-keeper' : ''}`
}

/** Prefix of the markers of everything that belongs to the stack in a folder. */
export function markerPrefix(stackDir: string): string {
  return `${stackDir}#`
}

/**
 * What of a part really runs: the recorded processes that are still alive, else those that carry its mark, which a run that was killed
 * before it could record them left behind.
 */
export function findPart(stackDir: string, name: PartName, recorded: PartProcesses): PartProcesses {
  const marked = findMarked(markerPrefix(stackDir))
  const pick = (id: ProcessId | null, keeper: boolean): ProcessId | null => {
    if (id !== null && isAlive(id)) return id
    return marked.get(markerOf(stackDir, name, keeper))?.[0] ?? null
  }
  return { server: pick(recorded.server, false), keeper: pick(recorded.keeper, true) }
}

/** Whether what runs of a part can be used: ClickHouse without its keeper is about to stop. */
export function isWhole(name: PartName, { server, keeper }: PartProcesses): boolean {
  return server !== null && (name !== 'clickhouse' || keeper !== null)
}

/** Starts a part's process and tells `record` at once what it is; does not wait until it serves. */
export async function launchPart(
  stackDir: string,
  name: PartName,
  state: StackState,
  record: (processes: PartProcesses) => void,
): Promise<PartProcesses> {
  const place = placeOf(stackDir, name)
  for (const folder of [place.dir, place.logs]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const launch = await parts[name].prepare(place, state)
  const first = await spawnDetached(
    launch,
    markerOf(stackDir, name, launch.serverPidFile !== undefined),
    outputFile(place, name),
  )
  if (launch.serverPidFile === undefined) {
    const processes = { server: first, keeper: null }
    record(processes)
    return processes
  }
  record({ server: null, keeper: first })
  const processes = { server: await readServerPid(launch.serverPidFile, first, place, name), keeper: first }
  record(processes)
  return processes
}

function outputFile(place: PartPlace, name: PartName): string {
  return join(place.logs, `${name}.out.log`)
}

function spawnDetached(launch: Launch, marker: string, output: string): Promise<ProcessId> {
  if ((statSync(output, { throwIfNoEntry: false })?.size ?? 0) > outputBytesMax) truncateSync(output)
  const log = openSync(output, 'a', 0o600)
  return new Promise((done, fail) => {
    const child = spawn(launch.command, launch.args, {
      cwd: launch.cwd,
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...inheritedEnvironment(), ...launch.env, [markerVariable]: marker },
    })
    closeSync(log)
    child.once('error', (error) => fail(new StackError(`${launch.command}: ${error.message}`, { code: 'START' })))
    child.once('spawn', () => {
      child.unref()
      const pid = child.pid ?? 0
      // A process that is gone already still has an identity: one that nothing alive has.
      done(identify(pid) ?? { pid, startedAt: 'ended' })
    })
  })
}

async function readServerPid(file: string, keeper: ProcessId, place: PartPlace, name: PartName): Promise<ProcessId> {
  const deadlineMs = performance.now() + pidFileTimeoutMs
  for (;;) {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as ProcessId
    } catch {
      // Not written yet.
    }
    if (!isAlive(keeper) || performance.now() > deadlineMs) throw failed(name, place, 'ended before it served')
    await sleep(pollMs)
  }
}

/** Waits until a part answers. Throws StackError (START) with the end of its log when it dies or takes too long. */
export async function awaitReady(
  stackDir: string,
  name: PartName,
  state: StackState,
  server: ProcessId,
  say: Say,
): Promise<void> {
  const place = placeOf(stackDir, name)
  const startedMs = performance.now()
  let noticeMs = startedMs + waitNoticeMs
  for (;;) {
    const problem = await parts[name].probe(state, server, place)
    if (problem === null && isAlive(server)) return
    if (!isAlive(server)) throw failed(name, place, 'ended before it served')
    const nowMs = performance.now()
    if (nowMs - startedMs > readyTimeoutMs) {
      throw failed(name, place, `does not serve after ${Math.round(readyTimeoutMs / 1000)} s (${problem})`)
    }
    if (nowMs > noticeMs) {
      noticeMs = nowMs + waitNoticeMs
      say(name, `still starting: ${problem}`)
    }
    await sleep(pollMs)
  }
}

function failed(name: PartName, place: PartPlace, what: string): StackError {
  const files = [join(place.logs, `${name}.log`), outputFile(place, name)]
  const tail = files.map(lastLines).find((text) => text !== '') ?? '(its log is empty)'
  return new StackError(
    `${name} ${what}; the end of its log (\`npm run stack -- logs ${name}\` shows more):\n${tail}`,
    {
      code: 'START',
    },
  )
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-logLinesShown).join('\n')
  } catch {
    return ''
  }
}

/** Ends all processes of a part: cleanly when it has grace, and never any other process. */
export async function endPart(
  stackDir: string,
  name: PartName,
  recorded: PartProcesses,
  graceMs: number,
): Promise<{ readonly killed: boolean }> {
  const { server, keeper } = findPart(stackDir, name, recorded)
  let killed = false
  // Without grace the server goes first: when its keeper goes, it would begin to stop cleanly.
  if (server !== null && (graceMs === 0 || keeper === null)) killed = await endProcess(server, graceMs)
  if (keeper !== null) {
    if (server !== null) signal(server, 'SIGCONT')
    killed = (await endProcess(keeper, graceMs)) || killed
  }
  // A keeper ends after its server; a server without one was asked above.
  if (server !== null) killed = (await endProcess(server, 0)) || killed
  const marked = findMarked(markerPrefix(stackDir))
  for (const marker of [markerOf(stackDir, name, true), markerOf(stackDir, name, false)]) {
    for (const stray of marked.get(marker) ?? []) await endProcess(stray, 0)
  }
  return { killed }
}
