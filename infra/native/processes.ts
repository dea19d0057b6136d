import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that cannot be confused with a later one of the same pid. */
export interface ProcessId {
  readonly pid: number
  /** Start time as the kernel tells it; opaque, only compared. */
  readonly startedAt: string
}

/** Carried in the environment of everything a stack starts: says whose it is, even when no state file got to name it. */
export const markerVariable = 'PENSTOCK_STACK_PART'

const pollMs = 25

/** Identifies a running process; null when there is none, or only its zombie. */
export function identify(pid: number): ProcessId | null {
  const startedAt = process.platform === 'linux' ? linuxStart(pid) : portableStart(pid)
  return startedAt === null ? null : { pid, startedAt }
}

function linuxStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces and parentheses; fields count from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const state = fields[0]
    const startTicks = fields[19]
    return state === 'Z' || state === 'X' || startTicks === undefined ? null : startTicks
  } catch {
    return null
  }
}

function portableStart(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '')
  } catch {
    return null
  }
}

export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.startedAt === id.startedAt
}

/** Sends a signal if that very process still runs; says whether it did. */
export function signal(id: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false
  try {
    process.kill(id.pid, name)
    return true
  } catch {
    return false
  }
}

async function waitForEnd(id: ProcessId, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs
  while (isAlive(id)) {
    if (performance.now() > deadlineMs) return false
    await sleep(pollMs)
  }
  return true
}

/** Asks, waits, then insists. Continues a stopped process first, or it could not hear. Returns whether it had to insist. */
export async function endProcess(id: ProcessId, graceMs: number): Promise<boolean> {
  if (graceMs > 0 && signal(id, 'SIGTERM')) {
    signal(id, 'SIGCONT')
    if (await waitForEnd(id, graceMs)) return false
  }
  const insisted = signal(id, 'SIGKILL')
  await waitForEnd(id, 5000)
  return insisted
}

/** Whether the process is stopped by a signal (paused). */
export function isPaused(id: ProcessId): boolean {
  if (process.platform !== 'linux') return false
  try {
    const stat = readFileSync(`/proc/${id.pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
  } catch {
    return false
  }
}

/**
 * All running processes whose marker begins with `prefix`, by marker. This finds what a starter killed between spawning and recording
 * left behind. Linux only; elsewhere the state file is all there is.
 */
export function findMarked(prefix: string): ReadonlyMap<string, readonly ProcessId[]> {
  const found = new Map<string, ProcessId[]>()
  if (process.platform !== 'linux') return found
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const marker = markerOf(Number(entry))
    const id = marker?.startsWith(prefix) ? identify(Number(entry)) : null
    if (marker === undefined || id === null) continue
    found.set(marker, [...(found.get(marker) ?? []), id])
  }
  return found
}

function markerOf(pid: number): string | undefined {
  try {
    const wanted = `${markerVariable}=`
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return entries.find((entry) => entry.startsWith(wanted))?.slice(wanted.length)
  } catch {
    return undefined
  }
}
