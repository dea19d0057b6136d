import type { Evidence, Request, Response, ShadowPlan } from '../events/records.ts'
import {
  applyHead,
  applyPlan as applyWholePlan,
  applyRequest as applyWholeRequest,
  applyResponse as applyWholeResponse,
  createJoin,
  type Join,
} from './join.ts'
import type { RunFacts } from './run-facts.ts'
import { request, response, run, shadowPlan } from './sample-exchange.ts'

// Logs of a few exchanges, for the tests of the join. They are applied as the service does it: the head first, the rest only when the head does not settle it.

export function applyRequest(join: Join, value: Request, facts: RunFacts, appendMs: number, offset: number): void {
  if (!applyHead(join, { name: 'Request', value })) applyWholeRequest(join, value, facts, appendMs, offset)
}

export function applyPlan(join: Join, value: ShadowPlan, appendMs: number, offset: number): void {
  if (!applyHead(join, { name: 'ShadowPlan', value })) applyWholePlan(join, value, appendMs, offset)
}

export function applyResponse(join: Join, value: Response, appendMs: number, offset: number): void {
  if (!applyHead(join, { name: 'Response', value })) applyWholeResponse(join, value, appendMs, offset)
}

export type Step = (join: Join, offset: number) => void
/** Append time of what has no other. */
export const at = 10_000

/** All records of one exchange, each appended at the same broker millisecond so that their order is free. */
export function steps(id: string): Step[] {
  return stepsAt(id, at)
}

export function stepsAt(id: string, at: number): Step[] {
  return [
    (join, offset) => applyRequest(join, request(id), run, at, offset),
    (join, offset) => applyPlan(join, shadowPlan(id), at, offset),
    (join, offset) => applyResponse(join, response(id, 'baseline', 'live'), at, offset),
    (join, offset) =>
      applyResponse(join, response(id, 'candidate', 'shadow', { resolution: 'failed', output: '' }), at, offset),
    (join, offset) => applyResponse(join, response(id, 'baseline', 'shadow'), at, offset),
  ]
}

/** The steps in this order, at offsets from 0 on. */
export function play(join: Join, order: readonly Step[]): void {
  for (const [offset, step] of order.entries()) step(join, offset)
}

export const fresh = () => createJoin({ limit: 1_000, resumeThroughMs: 0 })
export const byId = (evidence: readonly Evidence[]) => [...evidence].sort((a, b) => (a.id < b.id ? -1 : 1))
/** Later than anything of the exchanges above falls due. */
export const through = at + 60_000
