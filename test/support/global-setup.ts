import type { TestProject } from 'vitest/node'
import { formatProgress } from '../../infra/native/progress.ts'
import { type Stack, startStack } from '../../infra/native/stack.ts'

/** Projects load this file once each; the servers are the same for all of them. */
interface Shared {
  readonly stacks: Promise<Stack>[]
  users: number
}

const key = Symbol.for('penstock.test-stacks')
const place = globalThis as unknown as Record<symbol, Shared | undefined>

/**
 * Starts servers for as many files as may run at once, since tests break what they run on: own data in temporary folders, own ports, downloads shared with the
 * development stack. They end with the run, also when it is killed.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const common = place[key] ?? { stacks: [], users: 0 }
  place[key] = common
  common.users += 1
  const workers = project.config.maxWorkers ?? project.vitest.config.maxWorkers
  while (common.stacks.length < workers) common.stacks.push(startServers(common.stacks.length + 1))
  const stacks = await Promise.all(common.stacks)
  project.provide(
    'stacks',
    stacks.map(({ dir, kafka, registry, redis, clickhouse }) => ({ dir, kafka, registry, redis, clickhouse })),
  )
  return async () => {
    common.users -= 1
    if (common.users > 0) return
    const running = await Promise.all(common.stacks.splice(0))
    await Promise.all(running.map((stack) => stack.stop()))
  }
}

const startServers = (number: number) =>
  startStack({
    ephemeral: true,
    onProgress: (progress) => process.stderr.write(`servers ${number}: ${formatProgress(progress)}\n`),
  })
