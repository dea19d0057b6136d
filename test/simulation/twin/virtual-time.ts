interface Due {
  readonly atMs: number
  readonly serial: number
  readonly act: () => void
}

/**
 * Time that passes only when everything that happens at one moment has happened. What a moment sets off in promises runs to its end before the next
 * moment begins, so that the same program gives the same run on every machine.
 */
export class VirtualTime {
  nowMs: number
  readonly #heap: Due[] = []
  readonly #cancelled = new Set<number>()
  #serial = 0

  constructor(startMs: number) {
    this.nowMs = startMs
  }

  /** Calls `act` at that time (in whole ms), or now if it is over; returns what takes it back. */
  at(atMs: number, act: () => void): () => void {
    const serial = this.#serial
    this.#serial += 1
    this.#push({ atMs: Math.max(Math.ceil(atMs), this.nowMs), serial, act })
    return () => void this.#cancelled.add(serial)
  }

  after(ms: number, act: () => void): () => void {
    return this.at(this.nowMs + ms, act)
  }

  /** Lets time pass up to `untilMs`. */
  async run(untilMs: number): Promise<void> {
    await settled()
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.nowMs = next.atMs
      for (let due = this.#heap[0]; due?.atMs === this.nowMs; due = this.#heap[0]) {
        this.#pop()
        if (!this.#cancelled.delete(due.serial)) due.act()
      }
      await settled()
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  #push(due: Due): void {
    const heap = this.#heap
    heap.push(due)
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!swapIfBefore(heap, at, parent)) return
      at = parent
    }
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const child = right < heap.length && isBefore(heap[right], heap[left]) ? right : left
      if (child >= heap.length || !swapIfBefore(heap, child, at)) return
      at = child
    }
  }
}

function isBefore(a: Due | undefined, b: Due | undefined): boolean {
  if (a === undefined || b === undefined) return false
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.serial < b.serial)
}

function swapIfBefore(heap: Due[], child: number, parent: number): boolean {
  const [a, b] = [heap[child], heap[parent]]
  if (a === undefined || b === undefined || !isBefore(a, b)) return false
  heap[child] = b
  heap[parent] = a
  return true
}

/**
 * Every promise that can settle without time has settled when Node comes to what waits for the next tick: it empties the queue of promises first. A turn of the event loop
 * would do as well; thousands of them were a third of a schedule's time.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
