import {
  allowedCalls,
  type ConcurrencyPolicy,
  type ConcurrencyState,
  createConcurrency,
  observeBaseline,
} from './concurrency.ts'
import type { LegTask } from './leg-task.ts'

/** One route's waiting legs and how many of them may run: a slow baseline of one route says nothing about another. */
export interface RouteLane {
  /** Oldest first. */
  readonly waiting: LegTask[]
  running: number
  concurrency: ConcurrencyState
}

/** Lanes by route. At most `routesMax` are kept apart; the routes beyond share the lane named ''. */
export interface RouteLanes {
  of(route: string): RouteLane
  observe(
    route: string,
    answer: { readonly ttftMs: number | null; readonly quotaRemaining: number | null },
    monoMs: number,
  ): void
  /** The next leg to start, lanes taking turns; null when none may start. */
  next(runningMax: number): { readonly task: LegTask; readonly lane: RouteLane } | null
  all(): Iterable<readonly [route: string, lane: RouteLane]>
}

export function createRouteLanes(policy: ConcurrencyPolicy, routesMax: number): RouteLanes {
  const lanes = new Map<string, RouteLane>()
  const of = (route: string): RouteLane => {
    const key = lanes.has(route) || lanes.size < routesMax ? route : ''
    const lane = lanes.get(key) ?? { waiting: [], running: 0, concurrency: createConcurrency(policy) }
    lanes.set(key, lane)
    return lane
  }
  return {
    of,
    observe(route, answer, monoMs) {
      const lane = of(route)
      lane.concurrency = observeBaseline(lane.concurrency, policy, answer, monoMs)
    },
    next(runningMax) {
      const running = [...lanes.values()].reduce((sum, lane) => sum + lane.running, 0)
      if (running >= runningMax) return null
      for (const [route, lane] of lanes) {
        if (lane.waiting.length === 0 || lane.running >= allowedCalls(lane.concurrency)) continue
        const task = lane.waiting.shift()
        if (task === undefined) continue
        // To the end of the map: the others have their turn first.
        lanes.delete(route)
        lanes.set(route, lane)
        return { task, lane }
      }
      return null
    },
    all: () => lanes,
  }
}
