import { setTimeout as delay } from 'node:timers/promises'
import { found } from '../support/control-log.ts'
import { candidateModel } from '../support/model-names.ts'
import { nowMs } from '../support/now.ts'
import { standUp } from '../support/standing-run.ts'
import { type KillTimes, measureLocalKills } from './kills.ts'
import { latchesPerSecond, latchPeople } from './latches.ts'
import { brakedRollout } from './rollouts.ts'
import type { World } from './world.ts'

/** What stops a candidate while there is no broker. */
export interface OutageResults {
  readonly call: readonly KillTimes[]
  readonly file: readonly KillTimes[]
  /** What the API answers to a kill, and after how long. */
  readonly api: { readonly answer: string; readonly ms: number }
  /** From the broker's death to the last call that a candidate got whose lease is the default one, nobody having done anything. */
  readonly lapsedAfterMs: number
  readonly leaseMs: number
}

export const outageRoutes = ['braked', 'leased'] as const

const lapseWithinMs = 30_000

/** Stops the broker once, kills at the gateway under traffic, and waits for the lease of another run to end. */
export async function measureOutage(world: World, count: number): Promise<OutageResults> {
  const { stack, penstock, arrivals } = world
  const [braked, leased] = outageRoutes
  // Kills take longer than the default lease lasts, so theirs is longer.
  await standUp(world, brakedRollout(braked, '300s'))
  const { split } = await standUp(world, brakedRollout(leased))
  const traffic = world.traffic(leased, latchesPerSecond, latchPeople)
  const fresh = candidateModel(leased)
  try {
    await found(`calls to ${fresh}`, () => arrivals.find(({ model }) => model === fresh))
    await stack.kill('kafka')
    const brokenMs = nowMs()
    await delay(lapseWithinMs)
    const last = arrivals.findLast(({ model }) => model === fresh)
    const call = await measureLocalKills(world, 'call', count, { route: braked, traffic })
    const file = await measureLocalKills(world, 'file', count, { route: braked, traffic })
    const askedMs = nowMs()
    const answer = await penstock.post(`/v1/routes/${braked}/kill`, { reason: 'bench' }).then(
      () => 'accepted',
      (error: unknown) => String(error),
    )
    return {
      call,
      file,
      api: { answer, ms: nowMs() - askedMs },
      lapsedAfterMs: (last?.atMs ?? Number.NaN) - brokenMs,
      leaseMs: split.lease_ms ?? Number.POSITIVE_INFINITY,
    }
  } finally {
    await traffic.stop()
    await stack.start('kafka')
  }
}
