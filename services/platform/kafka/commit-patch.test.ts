import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { patchKafkajsCommits } from './commit-patch.ts'

interface Runner {
  running: boolean
  commitOffsets(offsets: unknown): Promise<void> | undefined
}

const require = createRequire(import.meta.url)
const RunnerClass = require('kafkajs/src/consumer/runner.js') as { readonly prototype: Runner }
const createRetry = require('kafkajs/src/retry/index.js') as (options: object) => unknown
const offsets = { topics: [{ topic: 't', partitions: [{ partition: 0, offset: '7' }] }] }

/** What committing needs of one. */
function runnerOf(commitOffsets: (offsets: unknown) => Promise<void>): Runner {
  const retrier = createRetry({ initialRetryTime: 1, retries: 2 })
  const logger = { debug: () => undefined }
  return Object.assign(Object.create(RunnerClass.prototype) as Runner, {
    running: true,
    consumerGroup: { commitOffsets },
    retrier,
    logger,
  })
}

describe('commits of kafkajs', () => {
  patchKafkajsCommits()

  it('are made once, and fail with what the coordinator said', async () => {
    let asked = 0
    const lost = Object.assign(new Error('connection lost'), { retriable: true })
    const runner = runnerOf(async () => {
      asked += 1
      throw lost
    })
    await expect(runner.commitOffsets(offsets)).rejects.toBe(lost)
    expect(asked).toBe(1)
  })

  it('hand over what is committed, and nothing once the runner has stopped', async () => {
    const given: unknown[] = []
    const runner = runnerOf(async (what) => void given.push(what))
    await runner.commitOffsets(offsets)
    runner.running = false
    await runner.commitOffsets(offsets)
    expect(given).toEqual([offsets])
  })
})
