/**
 * Tracks the records of one partition that are not finished yet, so that the offset that may be committed is the lowest of them:
 * the log is the store of unfinished work.
 */
export interface LowWatermark {
  /** Every record read must be noted, in order; `open` when work on it goes on after the batch. */
  read(offset: number, state: 'open' | 'done'): void
  finish(offset: number): void
  /** The offset to commit: everything below it is finished. Null before anything was read. */
  commitOffset(): number | null
  readonly openCount: number
}

export function createLowWatermark(): LowWatermark {
  // Insertion order is offset order, so the first key is the lowest open offset.
  const open = new Set<number>()
  let next: number | null = null
  return {
    read(offset, state) {
      next = offset + 1
      if (state === 'open') open.add(offset)
    },
    finish(offset) {
      open.delete(offset)
    },
    commitOffset() {
      for (const lowest of open) return lowest
      return next
    },
    get openCount() {
      return open.size
    },
  }
}
