import { createRequire } from 'node:module'

interface Runner {
  readonly running: boolean
  readonly consumerGroup: { commitOffsets(offsets: unknown): Promise<void> }
}

let applied = false

/**
 * kafkajs 2.2.4 tries a commit again that was not answered, as whatever member of whatever generation it is by then. A partition that was lost and has come back meanwhile
 * then has a commit of its former owner, which no coordinator refuses. Here a commit is made once, as the member of the moment that it was asked for; whoever still wants
 * it asks again.
 */
export function patchKafkajsCommits(): void {
  if (applied) return
  applied = true
  const RunnerClass = createRequire(import.meta.url)('kafkajs/src/consumer/runner.js') as {
    prototype: Record<string, unknown>
  }
  RunnerClass.prototype['commitOffsets'] = async function commitOffsets(this: Runner, offsets: unknown): Promise<void> {
    if (this.running) await this.consumerGroup.commitOffsets(offsets)
  }
}
