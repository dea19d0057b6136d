import type { TestProject } from 'vitest/node'
import { formatProgress } from '../../infra/native/progress.ts'
import { type Stack, startStack } from '../../infra/native/stack.ts'

/** Projects load this file once each; the servers are the same for all of them. */
interface Shared {
  stacks: Promise<readonly Stack[]> | null
  users: number
}

const key = Symbol.for('penstock.test-stacks')
const place = globalThis as unknown as Record<symbol, Shared | undefined>

/**
 * Starts servers for each worker of this test run, since tests break what they run on: own data in temporary folders, own ports, downloads shared with the development
 * stack. They end with the run, also when it is killed.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const common = place[key] ?? { stacks: null, users: 0 }
  place[key] = common
  common.users += 1
  common.stacks ??= Promise.all(
    Array.from({ length: project.vitest.config.maxWorkers }, (_, index) => startFor(index + 1)),
  )
  const stacks = await common.stacks
  project.provide(
    'stacks',
    stacks.map(({ dir, kafka, registry, redis, clickhouse }) => ({ dir, kafka, registry, redis, clickhouse })),
  )
  return async () => {
    common.users -= 1
    if (common.users > 0) return
    const running = await common.stacks
    common.stacks = null
    await Promise.all((running ?? []).map((stack) => stack.stop()))
  }
}

const startFor = (worker: number) =>
  startStack({
    ephemeral: true,
    onProgress: (progress) => process.stderr.write(`worker ${worker}: ${formatProgress(progress)}\n`),
  })
