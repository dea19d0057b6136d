import type { Records } from '../../../services/domain/events/records.ts'
import { topics } from '../../../services/flow.ts'
import type { Transport } from '../../../services/platform/kafka/transport.ts'
import type { ProjectingCodec } from '../../../services/platform/registry/codec.ts'
import type { Count } from '../../ledger/count-log.ts'
import { countLegs } from '../../ledger/count-store.ts'
import { eachRecord } from '../../support/each-record.ts'
import { legTimeoutMs } from '../revert/rollouts.ts'
import type { OpenPenstock } from '../support/open-penstock.ts'

/** Exchange by exchange: what callers were answered, and what of it stands where. */
export interface Account {
  readonly answered: number
  /** Records of answered exchanges that are not in the log: two of one of which nothing is there. */
  readonly recordsMissing: number
  /** What the tap says it left out: two records for an exchange, one for a record. */
  readonly recordsCounted: number
  /** Answered exchanges of which both records are there. */
  readonly captured: number
  /** Captured requests of the run, for each of which the shadow service must say what it plans, and those for which it did. */
  readonly toPlan: number
  readonly planned: number
  /** Planned legs, and those that have their one answer, by how it ended. */
  readonly legs: number
  readonly legEnds: Readonly<Record<string, number>>
  readonly legsWithoutEnd: number
  /** Captured requests that fell to an arm by a split with a weight, those with evidence of the last horizon, and how many there are of which it says that no leg was heard of. */
  readonly toJudge: number
  readonly judged: number
  readonly unheard: number
  /** Rows of the store against records of the log. */
  readonly stored: Count
}

interface Seen {
  request: boolean
  live: boolean
  toPlan: boolean
  toJudge: boolean
  /** Legs that were planned; null: no plan. */
  legs: number | null
  ended: number
}

/**
 * @param answered ids as callers were told them
 * @param drops what the tap says it left out meanwhile, by what
 */
export async function takeAccount(
  { transport, codec, penstock }: Pick<OpenPenstock, 'transport' | 'codec' | 'penstock'>,
  answered: ReadonlySet<string>,
  drops: Readonly<Record<string, number>>,
): Promise<Account> {
  const seen = new Map<string, Seen>()
  const legEnds: Record<string, number> = {}
  const stored = await readExchanges(transport, codec, (id) => answered.has(id), { seen, legEnds })
  const known = [...seen.values()]
  const records = known.reduce((sum, { request, live }) => sum + Number(request) + Number(live), 0)
  const evidence = await readEvidence(transport, codec, answered)
  const sum = (of: (one: Seen) => number) => known.reduce((all, one) => all + of(one), 0)
  return {
    answered: answered.size,
    recordsMissing: 2 * answered.size - records,
    recordsCounted: 2 * (drops['exchange'] ?? 0) + (drops['record'] ?? 0),
    captured: known.filter(({ request, live }) => request && live).length,
    toPlan: known.filter(({ toPlan }) => toPlan).length,
    planned: known.filter(({ legs }) => legs !== null).length,
    legs: sum(({ legs }) => legs ?? 0),
    legEnds,
    legsWithoutEnd: sum(({ legs, ended }) => Math.max(0, (legs ?? 0) - ended)),
    toJudge: known.filter(({ toJudge }) => toJudge).length,
    ...evidence,
    stored: await countLegs((sql) => penstock.query(sql), stored),
  }
}

async function readExchanges(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  isOurs: (id: string) => boolean,
  { seen, legEnds }: { readonly seen: Map<string, Seen>; readonly legEnds: Record<string, number> },
): Promise<readonly ReadonlySet<number>[]> {
  const heads = codec.project({
    Request: ['exchange_id', 'assignment', 'place'],
    ShadowPlan: ['exchange_id', 'legs'],
    Response: ['exchange_id', 'leg', 'resolution', 'error_class'],
  })
  const stored = Array.from({ length: topics.exchanges.partitions }, () => new Set<number>())
  await eachRecord(transport, topics.exchanges.name, async ({ partition, offset, value }) => {
    const head = value === null ? null : await heads.decode(value)
    if (head?.kind !== 'record') return
    if (head.name !== 'ShadowPlan') stored[partition]?.add(offset)
    const id = head.value.exchange_id
    if (!isOurs(id)) return
    const one = seen.get(id) ?? { request: false, live: false, toPlan: false, toJudge: false, legs: null, ended: 0 }
    seen.set(id, one)
    if (head.name === 'Request') {
      one.request = true
      const { place, assignment } = head.value
      one.toPlan = place !== null
      one.toJudge = assignment === 'split' && (place?.candidate_weight ?? 0) > 0
    } else if (head.name === 'ShadowPlan') one.legs ??= head.value.legs.length
    else if (head.value.leg === 'live') one.live = true
    else {
      one.ended += 1
      const { resolution, error_class: why } = head.value
      const end = why === null ? resolution : `${resolution} ${why}`
      legEnds[end] = (legEnds[end] ?? 0) + 1
    }
  })
  return stored
}

async function readEvidence(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  answered: ReadonlySet<string>,
): Promise<Pick<Account, 'judged' | 'unheard'>> {
  const reader = codec.project({
    Evidence: ['exchange_id', 'comparison', 'horizon_ms', 'baseline_resolution', 'candidate_resolution'],
  })
  const judged = new Set<string>()
  const unheard = new Set<string>()
  await eachRecord(transport, topics.evidence.name, async ({ value }) => {
    const decoded = value === null ? null : await reader.decode(value)
    if (decoded?.kind !== 'record' || decoded.value.horizon_ms !== legTimeoutMs) return
    const {
      exchange_id: id,
      comparison,
      baseline_resolution: baseline,
      candidate_resolution: candidate,
    } = decoded.value
    if (comparison !== 'live_ab' || !answered.has(id)) return
    judged.add(id)
    if (baseline === null && candidate === null) unheard.add(id)
  })
  return { judged: judged.size, unheard: unheard.size }
}
