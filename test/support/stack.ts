import { inject } from 'vitest'
import { inheritedEnvironment } from '../../infra/native/config.ts'
import { openStack, type Stack } from '../../infra/native/stack.ts'
import type { StackAddresses } from '../../infra/native/state.ts'

/** Where a worker's servers are. */
export interface TestStack extends StackAddresses {
  readonly dir: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** What test/support/global-setup.ts started, by worker. */
    stacks: readonly TestStack[]
  }
}

/** Where the servers of this worker are: no other file runs on them at the same time. */
export function testServers(): TestStack {
  // Between 1 and `maxWorkers`; taken again by another worker only when this one is gone.
  const worker = Number(inheritedEnvironment()['VITEST_POOL_ID'])
  const servers = inject('stacks')[worker - 1]
  if (servers === undefined) throw new Error(`no servers were started for worker ${worker}`)
  return servers
}

/** The same with handles to break and mend them. Whoever breaks one mends it before the test ends. */
export function testStack(): Stack {
  return openStack(testServers().dir)
}
