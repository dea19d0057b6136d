import type { Evidence } from '../events/records.ts'
import { seededRandom } from '../stats/bootstrap/seeded-random.ts'

/** One recorded exchange: when it arrived, and all evidence about it. */
export interface Exchange {
  readonly id: string
  readonly arrivedAtMs: number
  readonly evidence: readonly Evidence[]
}

/** Evidence of a run, exchange by exchange in the order of arrival. */
export function exchangesOfEvidence(evidence: readonly Evidence[]): readonly Exchange[] {
  const groups = new Map<string, Evidence[]>()
  for (const record of evidence) {
    const group = groups.get(record.exchange_id)
    if (group === undefined) groups.set(record.exchange_id, [record])
    else group.push(record)
  }
  return [...groups]
    .map(([id, group]) => ({ id, arrivedAtMs: Math.min(...group.map((record) => record.arrived_at)), evidence: group }))
    .sort((a, b) => a.arrivedAtMs - b.arrivedAtMs || (a.id < b.id ? -1 : 1))
}

/**
 * The same exchanges in another order: each takes the arrival of another one of its own wave and stage entry, by Fisher-Yates. The same seed gives the
 * same order.
 */
export function shuffledExchanges(exchanges: readonly Exchange[], seed: string): readonly Exchange[] {
  const random = seededRandom(seed)
  const stages = new Map<string, Exchange[]>()
  for (const exchange of exchanges) {
    const key = stageKey(exchange)
    const stage = stages.get(key)
    if (stage === undefined) stages.set(key, [exchange])
    else stage.push(exchange)
  }
  const moved = [...stages.values()].flatMap((stage) => {
    const order = [...stage]
    for (let last = order.length - 1; last > 0; last -= 1) {
      const other = random.below(last + 1)
      const held = order[last] as Exchange
      order[last] = order[other] as Exchange
      order[other] = held
    }
    return order.map((exchange, index) => arrivingAt(exchange, stage[index]?.arrivedAtMs ?? exchange.arrivedAtMs))
  })
  return moved.sort((a, b) => a.arrivedAtMs - b.arrivedAtMs)
}

function stageKey({ evidence: [first] }: Exchange): string {
  return first === undefined ? '' : `${first.place.wave}/${first.place.stage_entry}`
}

function arrivingAt(exchange: Exchange, arrivedAtMs: number): Exchange {
  const evidence = exchange.evidence.map((record) => ({ ...record, arrived_at: arrivedAtMs }))
  return { ...exchange, arrivedAtMs, evidence }
}
