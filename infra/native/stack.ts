import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireDisk } from './cache-entry.ts'
import { defaultCacheDir } from './config.ts'
import { type Owner, spawnReaper } from './owner.ts'
import { choosePorts, machinePorts, type PortName, type Ports } from './ports.ts'
import { acquireLock, type ProcessLock } from './process-lock.ts'
import { findMarked, isPaused, signal } from './processes.ts'
import type { Programs } from './programs.ts'
import { type OnProgress, progressFrom, type Say } from './progress.ts'
import { provision } from './provision.ts'
import { StackError } from './stack-error.ts'
import {
  addressesOf,
  newState,
  noProcesses,
  type PartName,
  partNames,
  readState,
  type StackAddresses,
  type StackState,
  withPart,
  writeState,
} from './state.ts'
import { awaitReady, endPart, findPart, isWhole, launchPart, markerPrefix, parts, placeOf } from './supervise.ts'

export interface StartOptions {
  /** Where configuration, data, logs and the state file are; an ephemeral stack gets a temporary folder when none is given. */
  readonly dir?: string
  /** Where downloads are kept; PENSTOCK_CACHE_DIR or `.cache/native` when left out. */
  readonly cacheDir?: string
  /** Ports that must be used; the others are those of the last start, else free ones. */
  readonly ports?: Partial<Ports>
  /** Ends with this process, however that ends, and leaves nothing behind. */
  readonly ephemeral?: boolean
  /** What ClickHouse may use in all, 1.2 GB when left out; counts when it is started, not for one that runs. */
  readonly clickHouseMemoryBytes?: number
  readonly onProgress?: OnProgress
}

export type PartCondition = 'ready' | 'not answering' | 'paused' | 'stopped'

export interface PartStatus {
  readonly condition: PartCondition
  readonly pid: number | null
  readonly port: number
  /** Why it is not ready, in words; null when it is. */
  readonly problem: string | null
}

/** A stack and the handles to break and mend it. Part operations are for tests: one part at a time, same port, same data. */
export interface Stack extends StackAddresses {
  readonly dir: string
  status(): Promise<Readonly<Record<PartName, PartStatus>>>
  /** Starts a stopped part, or continues a paused one, and waits until it serves. */
  start(name: PartName): Promise<void>
  /** Stops one part cleanly; without a name all of them, and an ephemeral stack is removed. */
  stop(name?: PartName): Promise<void>
  /** Sends a signal to the part's server and, for SIGKILL, waits until it is gone. */
  kill(name: PartName, signalName?: NodeJS.Signals): Promise<void>
  pause(name: PartName): Promise<void>
  resume(name: PartName): Promise<void>
}

/** Stopped first what depends on nothing, last what the others may still write to. */
const stopOrder: readonly PartName[] = ['clickhouse', 'redis', 'registry', 'kafka']
const lockTimeoutMs = 5 * 60_000
const dataBytesMin = 500_000_000

/**
 * Provisions what is missing and starts what does not run, all parts at once; a stack that runs is left as it is. Resolves when every part
 * answers real requests. Throws StackError; parts that did start then keep running (an ephemeral stack is removed), and the next call goes on from there.
 */
export async function startStack(options: StartOptions = {}): Promise<Stack> {
  const say = progressFrom(options.onProgress, () => performance.now())
  const ephemeral = options.ephemeral ?? false
  const programs = await provision({ cacheDir: options.cacheDir ?? defaultCacheDir(), ...pick(options.onProgress) })
  const dir = folderFor(options.dir, ephemeral)
  await requireDisk(dir, dataBytesMin)
  requireKind(dir, ephemeral)
  const owned = ephemeral ? spawnReaper(dir) : null
  const lock = await lockStack(dir, say)
  try {
    const before = settleParts(dir, readState(dir))
    requireNoOrphans(dir, before)
    const state = await stateFor(dir, before, programs, { ...options, ephemeral })
    await bringUp(dir, state, say)
  } catch (error) {
    owned?.end()
    throw error
  } finally {
    lock.release()
  }
  return attach(dir, say, owned)
}

/** A stack that stays must never come under a reaper, nor one that goes be taken for one that stays. */
function requireKind(dir: string, ephemeral: boolean): void {
  const state = readState(dir)
  if (state === null || state.ephemeral === ephemeral) return
  const [is, wanted] = ephemeral ? ['stays', 'ends with its starter'] : ['ends with its starter', 'stays']
  throw new StackError(`${dir} holds a stack that ${is}; a stack that ${wanted} needs another folder`, {
    code: 'STATE',
  })
}

/** Without its state, nobody knows the ports, passwords and cluster of what is in the folder. The state is written before anything else is. */
function requireNoOrphans(dir: string, state: StackState | null): void {
  if (state !== null || !partNames.some((name) => existsSync(join(dir, name)))) return
  throw new StackError(
    `${dir} holds data of a stack but no state.json: \`npm run stack -- reset\` removes it, or put the file back`,
    { code: 'STATE' },
  )
}

function pick(onProgress: OnProgress | undefined): { readonly onProgress?: OnProgress } {
  return onProgress === undefined ? {} : { onProgress }
}

function folderFor(dir: string | undefined, ephemeral: boolean): string {
  if (dir === undefined) {
    if (!ephemeral) throw new StackError('a stack that stays needs a folder: give `dir`', { code: 'USAGE' })
    return realpathSync(mkdtempSync(join(tmpdir(), 'penstock-stack-')))
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // Processes are found by their folder's name, so it must have only one.
  return realpathSync(dir)
}

function lockStack(dir: string, say: Say): Promise<ProcessLock> {
  return acquireLock(join(dir, 'lock'), lockTimeoutMs, () => say('stack', 'waiting for another run on this stack'))
}

/** The stack in a folder as it is, for status, part operations and stopping. Throws StackError (STATE) when there is none. */
export function openStack(dir: string, onProgress?: OnProgress): Stack {
  return attach(
    realpathSync(dir),
    progressFrom(onProgress, () => performance.now()),
    null,
  )
}

/** Stops the stack in a folder, also when its state file is gone; says whether there was anything to stop. */
export async function stopStack(dir: string, onProgress?: OnProgress): Promise<boolean> {
  if (!existsSync(dir)) return false
  const real = realpathSync(dir)
  if (readState(real) !== null) {
    await openStack(real, onProgress).stop()
    return true
  }
  if (findMarked(markerPrefix(real)).size === 0) return false
  for (const name of stopOrder) await endPart(real, name, noProcesses, parts[name].graceMs)
  return true
}

const ownedNames = ['state.json', 'kafka', 'registry', 'redis', 'clickhouse', 'logs', 'lock', 'lock-journal']

/**
 * Ends whatever runs of the stack in a folder and removes its data, also when its state cannot be read. Anything in the folder that the stack
 * did not make stays.
 */
export async function resetStack(dir: string, onProgress?: OnProgress): Promise<void> {
  if (!existsSync(dir)) return
  const real = realpathSync(dir)
  const say = progressFrom(onProgress, () => performance.now())
  const lock = await lockStack(real, say)
  try {
    const state = readableState(real)
    for (const name of stopOrder) await endPart(real, name, state?.parts[name] ?? noProcesses, 0)
    for (const name of ownedNames) rmSync(join(real, name), { recursive: true, force: true })
    say('stack', `stopped, and its data removed from ${real}`)
  } finally {
    lock.release()
  }
}

function readableState(dir: string): StackState | null {
  try {
    return readState(dir)
  } catch {
    return null
  }
}

function requireState(dir: string): StackState {
  const state = readState(dir)
  if (state !== null) return state
  throw new StackError(`no stack was started in ${dir}: run \`npm run stack -- up\``, { code: 'STATE' })
}

/** The state with what really runs in it. */
function settleParts(dir: string, state: StackState | null): StackState | null {
  if (state === null) return null
  return partNames.reduce((settled, name) => withPart(settled, name, findPart(dir, name, settled.parts[name])), state)
}

async function stateFor(
  dir: string,
  before: StackState | null,
  programs: Programs,
  wishes: Pick<StartOptions, 'ports' | 'clickHouseMemoryBytes'> & { readonly ephemeral: boolean },
): Promise<StackState> {
  const running = before === null ? [] : partNames.filter((name) => before.parts[name].server !== null)
  const held = new Set<PortName>(
    running.flatMap((name): PortName[] => (name === 'kafka' ? ['kafka', 'kafkaController'] : [name])),
  )
  const choice = await choosePorts({ given: wishes.ports ?? {}, earlier: before?.choice ?? null, held }, machinePorts)
  const { clickHouseMemoryBytes } = wishes
  const state: StackState = {
    ...(before ?? newState(choice, programs, wishes.ephemeral)),
    choice,
    programs,
    ...(clickHouseMemoryBytes === undefined ? {} : { clickHouseMemoryBytes }),
  }
  writeState(dir, state)
  return state
}

/** Starts or adopts every part, all at once; waits for all before it throws the first error. */
async function bringUp(dir: string, initial: StackState, say: Say): Promise<void> {
  let state = initial
  const one = async (name: PartName): Promise<void> => {
    await bringUpPart(dir, name, state, say, (processes) => {
      state = withPart(state, name, processes)
      writeState(dir, state)
    })
  }
  const results = await Promise.allSettled(partNames.map(one))
  const bad = results.find((result) => result.status === 'rejected')
  if (bad !== undefined) throw bad.reason
}

async function bringUpPart(
  dir: string,
  name: PartName,
  state: StackState,
  say: Say,
  record: (processes: StackState['parts'][PartName]) => void,
): Promise<void> {
  const where = `127.0.0.1:${state.choice.ports[name]}`
  let processes = findPart(dir, name, state.parts[name])
  if (isWhole(name, processes)) {
    record(processes)
    if (processes.server !== null) signal(processes.server, 'SIGCONT')
  } else {
    await endPart(dir, name, processes, 0)
    say(name, 'starting')
    processes = await launchPart(dir, name, state, record)
  }
  if (processes.server === null) throw new StackError(`${name} has no process`, { code: 'START' })
  await awaitReady(dir, name, state, processes.server, say)
  say(name, `ready on ${where}`)
}

function attach(dir: string, say: Say, owned: Owner | null): Stack {
  const locked = async (work: (state: StackState) => Promise<void>): Promise<void> => {
    const lock = await lockStack(dir, say)
    try {
      await work(requireState(dir))
    } finally {
      lock.release()
    }
  }
  const send = (name: PartName, signalName: NodeJS.Signals): void => {
    const { server } = findPart(dir, name, requireState(dir).parts[name])
    if (server !== null && signal(server, signalName)) return
    throw new StackError(`${name} does not run: start it first`, { code: 'STATE' })
  }
  return {
    dir,
    ...addressesOf(requireState(dir)),
    status: () => statusOf(dir),
    start: (name) =>
      locked((state) =>
        bringUpPart(dir, name, state, say, (processes) =>
          writeState(dir, withPart(requireState(dir), name, processes)),
        ),
      ),
    async stop(name) {
      await locked((state) => stopParts(dir, state, name === undefined ? stopOrder : [name], say))
      if (name !== undefined || !requireState(dir).ephemeral) return
      rmSync(dir, { recursive: true, force: true })
      owned?.end()
    },
    async kill(name, signalName = 'SIGKILL') {
      if (signalName !== 'SIGKILL') return send(name, signalName)
      await locked(async (state) => {
        await endPart(dir, name, { ...state.parts[name], keeper: null }, 0)
        writeState(dir, withPart(requireState(dir), name, { server: null, keeper: null }))
      })
    },
    pause: async (name) => send(name, 'SIGSTOP'),
    resume: async (name) => send(name, 'SIGCONT'),
  }
}

async function stopParts(dir: string, state: StackState, names: readonly PartName[], say: Say): Promise<void> {
  const stopOne = async (name: PartName): Promise<void> => {
    const processes = findPart(dir, name, state.parts[name])
    if (processes.server === null && processes.keeper === null) return
    const { killed } = await endPart(
      dir,
      name,
      processes,
      state.ephemeral && names.length > 1 ? 0 : parts[name].graceMs,
    )
    writeState(dir, withPart(requireState(dir), name, { server: null, keeper: null }))
    say(name, killed ? 'killed' : 'stopped')
  }
  // What will be thrown away need not be stopped in order.
  if (state.ephemeral) await Promise.all(names.map(stopOne))
  else for (const name of names) await stopOne(name)
}

async function statusOf(dir: string): Promise<Readonly<Record<PartName, PartStatus>>> {
  const state = requireState(dir)
  const entries = partNames.map(async (name) => [name, await partStatus(dir, name, state)] as const)
  return Object.fromEntries(await Promise.all(entries)) as Record<PartName, PartStatus>
}

async function partStatus(dir: string, name: PartName, state: StackState): Promise<PartStatus> {
  const port = state.choice.ports[name]
  const { server } = findPart(dir, name, state.parts[name])
  if (server === null) return { condition: 'stopped', pid: null, port, problem: 'it does not run' }
  if (isPaused(server)) return { condition: 'paused', pid: server.pid, port, problem: 'it is stopped by a signal' }
  const problem = await parts[name].probe(state, server, placeOf(dir, name))
  return { condition: problem === null ? 'ready' : 'not answering', pid: server.pid, port, problem }
}
