import type { Evidence } from '../events/records.ts'

/**
 * Evidence that waits for the frontier. A record is released when the exchanges have been read through
 * `arrived_at + shadow start delay (if a shadow leg takes part) + horizon + grace`; all streams of a run share one order,
 * (release time, arrival, id), so that what a test sees does not depend on batches, lateness or restarts.
 */
export interface Waiting {
  readonly releaseMs: number
  readonly evidence: Evidence
  readonly partition: number
  readonly offset: number
}

export interface ReleaseQueue {
  readonly limit: number
  readonly heap: Waiting[]
  /** Evidence id → highest version waiting. */
  readonly versions: Map<string, number>
}

export function createReleaseQueue(limit: number): ReleaseQueue {
  return { limit, heap: [], versions: new Map() }
}

/** Adds a record; a lower or equal version of a waiting id is a duplicate. */
export function push(queue: ReleaseQueue, entry: Waiting): 'queued' | 'duplicate' | 'replaced' | 'full' {
  const known = queue.versions.get(entry.evidence.id)
  if (known !== undefined) {
    if (entry.evidence.version <= known) return 'duplicate'
    // The older version stays in the heap and is skipped on the way out: cheaper than a search, and rare.
    queue.versions.set(entry.evidence.id, entry.evidence.version)
    siftUp(queue.heap, queue.heap.push(entry) - 1)
    return 'replaced'
  }
  if (queue.heap.length >= queue.limit) return 'full'
  queue.versions.set(entry.evidence.id, entry.evidence.version)
  siftUp(queue.heap, queue.heap.push(entry) - 1)
  return 'queued'
}

/** Takes the next record whose release time is at or before `readThroughMs`; null when there is none. */
export function popReleased(queue: ReleaseQueue, readThroughMs: number): Waiting | null {
  for (;;) {
    const first = queue.heap[0]
    if (first === undefined || first.releaseMs > readThroughMs) return null
    const last = queue.heap.pop()
    if (last !== undefined && queue.heap.length > 0) {
      queue.heap[0] = last
      siftDown(queue.heap)
    }
    if (queue.versions.get(first.evidence.id) !== first.evidence.version) continue
    queue.versions.delete(first.evidence.id)
    return first
  }
}

/** Lowest offset still waiting, by partition: a restart must read again from there. */
export function lowestWaiting(queue: ReleaseQueue): ReadonlyMap<number, number> {
  const lowest = new Map<number, number>()
  for (const { partition, offset } of queue.heap) {
    const seen = lowest.get(partition)
    if (seen === undefined || offset < seen) lowest.set(partition, offset)
  }
  return lowest
}

function before(a: Waiting, b: Waiting): boolean {
  if (a.releaseMs !== b.releaseMs) return a.releaseMs < b.releaseMs
  if (a.evidence.arrived_at !== b.evidence.arrived_at) return a.evidence.arrived_at < b.evidence.arrived_at
  if (a.evidence.id !== b.evidence.id) return a.evidence.id < b.evidence.id
  return a.evidence.version < b.evidence.version
}

function siftUp(heap: Waiting[], from: number): void {
  let index = from
  const entry = heap[index]
  if (entry === undefined) return
  while (index > 0) {
    const parentIndex = (index - 1) >> 1
    const parent = heap[parentIndex]
    if (parent === undefined || !before(entry, parent)) break
    heap[index] = parent
    index = parentIndex
  }
  heap[index] = entry
}

function siftDown(heap: Waiting[]): void {
  const entry = heap[0]
  if (entry === undefined) return
  let index = 0
  for (;;) {
    let childIndex = 2 * index + 1
    let child = heap[childIndex]
    if (child === undefined) break
    const right = heap[childIndex + 1]
    if (right !== undefined && before(right, child)) {
      child = right
      childIndex += 1
    }
    if (!before(child, entry)) break
    heap[index] = child
    index = childIndex
  }
  heap[index] = entry
}
