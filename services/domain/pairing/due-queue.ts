/** Something that must happen at a time of the log. */
export interface Due {
  readonly dueMs: number
  readonly exchangeId: string
  /** Index into the exchange's readings. */
  readonly reading: number
}

/** What falls due, by (due time, exchange id, reading): a fixed order, so that a replay emits the same records in the same order. */
export interface DueQueue {
  /** `afterMs` is how long after its arrival it falls due. */
  push(due: Due, afterMs: number): void
  /** The next one at or before `nowMs`; null when there is none. */
  pop(nowMs: number): Due | null
  /** Forgets all that are not to be kept. */
  keep(isKept: (due: Due) => boolean): void
  readonly size: number
}

/** What falls due equally long after its arrival: arrivals come in order, and so these are in order as they come. */
interface Lane {
  items: Due[]
  /** Before it everything is gone. */
  head: number
}

const compactAt = 4_096

/** One lane per delay, of which there are few; the lanes that are not empty form a heap by their first. */
export function createDueQueue(): DueQueue {
  const lanes = new Map<number, Lane>()
  const heap: Lane[] = []
  let size = 0
  const swap = (a: number, b: number) => {
    const held = heap[a] as Lane
    heap[a] = heap[b] as Lane
    heap[b] = held
  }
  const comesFirst = (a: number, b: number) => before(firstOf(heap[a] as Lane), firstOf(heap[b] as Lane))
  const up = (from: number) => {
    let index = from
    for (let parent = (index - 1) >> 1; index > 0 && comesFirst(index, parent); parent = (index - 1) >> 1) {
      swap(index, parent)
      index = parent
    }
  }
  const down = () => {
    for (let index = 0; ; ) {
      const left = 2 * index + 1
      let smallest = index
      if (left < heap.length && comesFirst(left, smallest)) smallest = left
      if (left + 1 < heap.length && comesFirst(left + 1, smallest)) smallest = left + 1
      if (smallest === index) return
      swap(index, smallest)
      index = smallest
    }
  }
  return {
    push(due, afterMs) {
      const lane = lanes.get(afterMs) ?? { items: [], head: 0 }
      lanes.set(afterMs, lane)
      const isFirst = insert(lane, due)
      size += 1
      if (lane.items.length - lane.head === 1) up(heap.push(lane) - 1)
      else if (isFirst) up(heap.indexOf(lane))
    },
    pop(nowMs) {
      const lane = heap[0]
      if (lane === undefined) return null
      const due = firstOf(lane)
      if (due.dueMs > nowMs) return null
      size -= 1
      drop(lane)
      if (lane.items.length === 0) {
        const last = heap.pop() as Lane
        if (heap.length > 0) heap[0] = last
      }
      down()
      return due
    },
    keep(isKept) {
      heap.length = 0
      size = 0
      for (const lane of lanes.values()) {
        lane.items = lane.items.slice(lane.head).filter(isKept)
        lane.head = 0
        size += lane.items.length
        if (lane.items.length > 0) up(heap.push(lane) - 1)
      }
    },
    get size() {
      return size
    },
  }
}

function before(a: Due, b: Due): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs
  return a.exchangeId !== b.exchangeId ? a.exchangeId < b.exchangeId : a.reading < b.reading
}

function firstOf(lane: Lane): Due {
  return lane.items[lane.head] as Due
}

/** Nearly always at the end: only what arrived in the same millisecond, or before a clock that went back, stands behind it. True when it is the first. */
function insert({ items, head }: Lane, due: Due): boolean {
  let at = items.push(due) - 1
  for (; at > head && before(due, items[at - 1] as Due); at -= 1) items[at] = items[at - 1] as Due
  items[at] = due
  return at === head
}

/** Forgets the first. */
function drop(lane: Lane): void {
  lane.head += 1
  if (lane.head === lane.items.length) {
    lane.items = []
    lane.head = 0
  } else if (lane.head >= compactAt && lane.head * 2 > lane.items.length) {
    lane.items = lane.items.slice(lane.head)
    lane.head = 0
  }
}
