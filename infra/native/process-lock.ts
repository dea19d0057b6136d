import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { StackError } from './stack-error.ts'

export interface ProcessLock {
  release(): void
}

const retryMs = 150
const busy = 5

/**
 * One holder at a time, across processes. The lock is SQLite's lock on a file, hence the kernel's: it ends with its holder, also after
 * kill -9, so there is no stale lock to guess about. `onWait` is called once when somebody else holds it. Throws StackError after `timeoutMs`.
 */
export async function acquireLock(path: string, timeoutMs: number, onWait: () => void): Promise<ProcessLock> {
  mkdirSync(dirname(path), { recursive: true })
  const deadlineMs = performance.now() + timeoutMs
  for (let tries = 0; ; tries += 1) {
    const lock = tryLock(path)
    if (lock !== null) return lock
    if (tries === 0) onWait()
    if (performance.now() > deadlineMs) {
      throw new StackError(
        `another run has held ${path} for ${Math.round(timeoutMs / 1000)} s: let it end, or end it`,
        {
          code: 'STATE',
          retriable: true,
        },
      )
    }
    await sleep(retryMs)
  }
}

function tryLock(path: string): ProcessLock | null {
  const database = new DatabaseSync(path)
  try {
    database.exec('BEGIN EXCLUSIVE')
    return { release: () => database.close() }
  } catch (error) {
    database.close()
    if ((error as { readonly errcode?: number }).errcode === busy) return null
    throw error
  }
}
