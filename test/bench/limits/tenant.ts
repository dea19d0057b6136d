import { setTimeout as delay } from 'node:timers/promises'
import { topics } from '../../../services/flow.ts'
import { eachRecord } from '../../support/each-record.ts'
import { legTimeoutMs, observedRollout } from '../revert/rollouts.ts'
import { noted, type OpenPenstock } from '../support/open-penstock.ts'
import { standUp } from '../support/standing-run.ts'
import { type Look, lookAt } from './look.ts'
import type { Place } from './place.ts'

/** What became of one tenant's requests on one route. */
export interface TenantCounts {
  readonly sent: number
  /** Refused at once with 503, since the gateway had more than it can serve. */
  readonly refused: number
  readonly failed: number
  /** Requests in the log. */
  readonly captured: number
  /** Of those of the baseline. */
  readonly planned: number
  readonly legs: number
  readonly legsAnswered: number
  /** Exchanges with a pair that says something at the last horizon. */
  readonly pairs: number
  /** People that the candidate served, of all. */
  readonly candidateShare: number
}

export interface TenantRoute {
  readonly route: string
  readonly stickyKey: 'user' | 'tenant'
  readonly tenants: Readonly<Record<string, TenantCounts>>
  /** What the gate says in the end. */
  readonly verdict: { readonly outcome: string; readonly reasonCode: string; readonly reason: string }
  /** Its guardrails: how many units entered. */
  readonly metrics: readonly string[]
}

export interface TenantResults {
  readonly minutes: number
  readonly perSecond: number
  readonly routes: readonly TenantRoute[]
  /** Records of the exchanges topic by partition. */
  readonly partitions: readonly number[]
  readonly after: Look
}

export const tenantRoutes = ['by-user', 'by-tenant'] as const
const large = 'large'
const small = Array.from({ length: 9 }, (_, index) => `small-${index + 1}`)
export const tenants = [large, ...small].map((id) => ({
  id,
  segments: { tier: id === large ? 'large' : 'small', customer: id },
}))

/** One at which nothing is scarce, and one that is more than fits on two quiet cores. */
export const tenantRates = { plenty: 60, scarce: 900 } as const
const refusedAs = '503'
const largeShare = 0.9
const people = { large: 1_000, small: 100 }
const settleMs = 15_000

/** One tenant sends nine tenths of everything, to two routes: one sticks by user, and has a larger shadow share for the small ones; one sticks by tenant. */
export async function measureTenant(place: Place, minutes: number, perSecond: number): Promise<TenantResults> {
  const [byUser, byTenant] = tenantRoutes
  const budget = { usd: 1_000, calls: 10_000_000 }
  const critical = { criticalSlices: [{ key: 'tier', value: 'small' }] }
  const segmentShares = { 'tier=small': 1 }
  const runs = [
    await standUp(place, {
      ...observedRollout(byUser),
      ...critical,
      stickyKey: 'user',
      shadow: { share: 0.2, segmentShares, startWithin: '2s', budget },
    }),
    await standUp(place, {
      ...observedRollout(byTenant),
      ...critical,
      stickyKey: 'tenant',
      shadow: { share: 1, startWithin: '2s', budget },
    }),
  ]
  const asked = new Map<string, Pick<TenantCounts, 'sent' | 'refused' | 'failed'>>()
  await Promise.all(
    tenantRoutes.flatMap((route) =>
      tenants.map(async ({ id }) => {
        const share = id === large ? largeShare : (1 - largeShare) / small.length
        const samples = await place.ask({
          route,
          tenant: id,
          perSecond: (perSecond / tenantRoutes.length) * share,
          seconds: minutes * 60,
          people: id === large ? people.large : people.small,
        })
        const unanswered = samples.filter(({ answer }) => answer === null)
        const refused = unanswered.filter(({ failure }) => failure?.what === refusedAs).length
        asked.set(`${route} ${id}`, { sent: samples.length, refused, failed: unanswered.length - refused })
      }),
    ),
  )
  await delay(settleMs)
  const { counts, partitions } = await countByTenant(place)
  const routes: TenantRoute[] = []
  for (const [index, route] of tenantRoutes.entries()) {
    const { verdict } = await place.penstock.api.explain(runs[index]?.run ?? '')
    const found = tenants.map(({ id }) => {
      const key = `${route} ${id}`
      return [
        id,
        { ...(asked.get(key) ?? { sent: 0, refused: 0, failed: 0 }), ...toCounts(counts.get(key) ?? nothing()) },
      ] as const
    })
    const { outcome = 'none', reasonCode = 'none', reason = '', metrics = [] } = verdict ?? {}
    noted(`${route}: ${outcome} ${reasonCode}: ${reason}`)
    routes.push({
      route,
      stickyKey: route === byUser ? 'user' : 'tenant',
      tenants: Object.fromEntries(found),
      verdict: { outcome, reasonCode, reason },
      metrics: metrics.map((metric) => JSON.stringify(metric)),
    })
  }
  return { minutes, perSecond, routes, partitions, after: await lookAt(place.penstock) }
}

interface Counting {
  captured: number
  planned: number
  legs: number
  legsAnswered: number
  pairs: number
  candidate: number
}

const nothing = (): Counting => ({ captured: 0, planned: 0, legs: 0, legsAnswered: 0, pairs: 0, candidate: 0 })

function toCounts({ candidate, ...counts }: Counting): Omit<TenantCounts, 'sent' | 'refused' | 'failed'> {
  return { ...counts, candidateShare: counts.captured === 0 ? 0 : candidate / counts.captured }
}

async function countByTenant({ transport, codec }: Pick<OpenPenstock, 'transport' | 'codec'>): Promise<{
  readonly counts: ReadonlyMap<string, Counting>
  readonly partitions: readonly number[]
}> {
  const heads = codec.project({
    Request: ['exchange_id', 'route', 'segments', 'live_arm'],
    ShadowPlan: ['exchange_id', 'legs'],
    Response: ['exchange_id', 'leg', 'resolution'],
  })
  const counts = new Map<string, Counting>()
  const owner = new Map<string, Counting>()
  const partitions = Array.from({ length: topics.exchanges.partitions }, () => 0)
  await eachRecord(transport, topics.exchanges.name, async ({ partition, value }) => {
    partitions[partition] = (partitions[partition] ?? 0) + 1
    const head = value === null ? null : await heads.decode(value)
    if (head?.kind !== 'record') return
    const id = head.value.exchange_id
    if (head.name === 'Request') {
      const key = `${head.value.route} ${head.value.segments['customer']}`
      const counting = counts.get(key) ?? nothing()
      counts.set(key, counting)
      owner.set(id, counting)
      counting.captured += 1
      if (head.value.live_arm === 'candidate') counting.candidate += 1
      return
    }
    const counting = owner.get(id)
    if (counting === undefined) return
    if (head.name === 'ShadowPlan') {
      counting.planned += 1
      counting.legs += head.value.legs.length
    } else if (head.value.leg === 'shadow' && head.value.resolution === 'answered') counting.legsAnswered += 1
  })
  const reader = codec.project({ Evidence: ['exchange_id', 'comparison', 'horizon_ms', 'metrics'] })
  await eachRecord(transport, topics.evidence.name, async ({ value }) => {
    const decoded = value === null ? null : await reader.decode(value)
    if (decoded?.kind !== 'record') return
    const { exchange_id: id, comparison, horizon_ms: horizonMs, metrics } = decoded.value
    const counting = owner.get(id)
    if (counting !== undefined && comparison === 'content_ab' && horizonMs === legTimeoutMs && metrics.length > 0)
      counting.pairs += 1
  })
  return { counts, partitions }
}
