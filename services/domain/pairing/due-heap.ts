/** Something that must happen at a time of the log. */
export interface Due {
  readonly dueMs: number
  readonly exchangeId: string
  /** Index into the exchange's readings. */
  readonly reading: number
}

/** Min-heap by (due time, exchange id, reading): a fixed order, so that a replay emits the same records in the same order. */
export interface DueHeap {
  push(due: Due): void
  /** The next one at or before `nowMs`; null when there is none. */
  pop(nowMs: number): Due | null
  readonly size: number
}

export function createDueHeap(): DueHeap {
  const heap: Due[] = []
  const before = (a: Due, b: Due) =>
    a.dueMs !== b.dueMs
      ? a.dueMs < b.dueMs
      : a.exchangeId !== b.exchangeId
        ? a.exchangeId < b.exchangeId
        : a.reading < b.reading
  const at = (index: number): Due => heap[index] as Due
  const swap = (a: number, b: number) => {
    const held = at(a)
    heap[a] = at(b)
    heap[b] = held
  }
  return {
    push(due) {
      let index = heap.push(due) - 1
      for (let parent = (index - 1) >> 1; index > 0 && before(at(index), at(parent)); parent = (index - 1) >> 1) {
        swap(index, parent)
        index = parent
      }
    },
    pop(nowMs) {
      const first = heap[0]
      if (first === undefined || first.dueMs > nowMs) return null
      const last = heap.pop() as Due
      if (heap.length > 0) {
        heap[0] = last
        let index = 0
        for (;;) {
          const left = 2 * index + 1
          const right = left + 1
          let smallest = index
          if (left < heap.length && before(at(left), at(smallest))) smallest = left
          if (right < heap.length && before(at(right), at(smallest))) smallest = right
          if (smallest === index) break
          swap(index, smallest)
          index = smallest
        }
      }
      return first
    },
    get size() {
      return heap.length
    },
  }
}
