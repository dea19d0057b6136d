import { replaceMethod } from './module-patch.ts'

interface Runner {
  readonly running: boolean
  readonly consumerGroup: { commitOffsets(offsets: unknown): Promise<void> }
}

/**
 * kafkajs 2.2.4 tries a commit again that was not answered, as whatever member of whatever generation it is by then. A partition that was lost and has come back meanwhile
 * then has a commit of its former owner, which no coordinator refuses. Here a commit is made once, as the member of the moment that it was asked for; whoever still wants
 * it asks again.
 */
export function patchKafkajsCommits(): void {
  replaceMethod('kafkajs/src/consumer/runner.js', 'commitOffsets', async function (this: Runner, offsets: unknown) {
    if (this.running) await this.consumerGroup.commitOffsets(offsets)
  })
}
