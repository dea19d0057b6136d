import type { TestProject } from 'vitest/node'
import { formatProgress } from '../../infra/native/progress.ts'
import { type Stack, startStack } from '../../infra/native/stack.ts'
import type { TestStack } from './stack.ts'

/** Projects load this file once each; the servers are the same for all of them. */
interface Shared {
  stack: Promise<Stack> | null
  users: number
}

const key = Symbol.for('penstock.test-stack')
const place = globalThis as unknown as Record<symbol, Shared | undefined>

/**
 * Starts servers for this test run: own data in a temporary folder, own ports, downloads shared with the development stack. They end with the
 * run, also when it is killed.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const common = place[key] ?? { stack: null, users: 0 }
  place[key] = common
  common.users += 1
  common.stack ??= startStack({
    ephemeral: true,
    onProgress: (progress) => process.stderr.write(`${formatProgress(progress)}\n`),
  })
  const { dir, kafka, registry, redis, clickhouse } = await common.stack
  const provided: TestStack = { dir, kafka, registry, redis, clickhouse }
  project.provide('stack', provided)
  return async () => {
    common.users -= 1
    if (common.users > 0) return
    const stack = await common.stack
    common.stack = null
    await stack?.stop()
  }
}
