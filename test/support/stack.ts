import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inject } from 'vitest'
import { acquireLock, type ProcessLock } from '../../infra/native/process-lock.ts'
import { openStack, type Stack } from '../../infra/native/stack.ts'
import { StackError } from '../../infra/native/stack-error.ts'
import type { StackAddresses } from '../../infra/native/state.ts'

/** Where one set of servers is. */
export interface TestStack extends StackAddresses {
  readonly dir: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** What test/support/global-setup.ts started: as many as there are workers. */
    stacks: readonly TestStack[]
  }
}

const claimMs = 100
let claimed: TestStack | null = null

/**
 * Takes servers that no other file runs on, until the lock is released or this process has ended. Vitest's number of a worker would not do: where one group of
 * projects follows another it may give the same to two.
 */
export async function claimServers(): Promise<ProcessLock> {
  for (;;) {
    for (const stack of inject('stacks')) {
      const lock = await lockOf(stack)
      if (lock === null) continue
      claimed = stack
      return lock
    }
    // The file before is over, and its worker not yet.
    await delay(claimMs)
  }
}

async function lockOf({ dir }: TestStack): Promise<ProcessLock | null> {
  try {
    return await acquireLock(join(dir, 'claimed.lock'), 0, () => undefined)
  } catch (error) {
    if (error instanceof StackError) return null
    throw error
  }
}

/** Where the servers of this file are: nobody else runs on them. */
export function testServers(): TestStack {
  if (claimed === null) throw new Error('no servers are claimed: the project lacks test/support/claim-servers.ts')
  return claimed
}

/** The same with handles to break and mend them. Whoever breaks one mends it before the test ends. */
export function testStack(): Stack {
  return openStack(testServers().dir)
}
