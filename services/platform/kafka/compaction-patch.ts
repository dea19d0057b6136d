import { replaceModule } from './module-patch.ts'

interface FetchedBatch {
  readonly firstOffset: string
  readonly lastOffsetDelta: number
  readonly records: readonly { readonly offset: string; readonly isControlRecord: boolean }[]
}

type ReadBatch = (from: object) => Promise<FetchedBatch>

/**
 * The same, but what compaction has taken from the end of a batch, all of it perhaps, is made up for by one control record: these reach no reader, and
 * are behind it all the same.
 */
function withEnds(read: ReadBatch): ReadBatch {
  return async (from) => {
    const { records, ...batchContext } = await read(from)
    const offset = String(BigInt(batchContext.firstOffset) + BigInt(batchContext.lastOffsetDelta))
    if (records.at(-1)?.offset === offset) return { ...batchContext, records }
    const end = { offset, isControlRecord: true, key: null, value: null, headers: {}, batchContext }
    return { ...batchContext, records: [...records, end] }
  }
}

/**
 * Compaction keeps the last batch of each producer, without records, so that the producer's sequence is known. kafkajs 2.2.4 takes a fetch of nothing
 * but such batches for an empty one and asks for the same offset again, for ever: who reads a compacted topic from its beginning never comes to its end.
 */
export function patchKafkajsCompaction(): void {
  replaceModule('kafkajs/src/protocol/recordBatch/v0/decoder.js', withEnds)
}
