import type { Ack, Heartbeat, Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import type { RecordBatch, Transport } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'

/** When something was sent, stamped and heard, each by another clock. */
export interface Sign {
  /** By the sender's clock, ms since the epoch. */
  readonly sentAtMs: number
  /** By the broker's. */
  readonly appendedAtMs: number
  /** By this host's. */
  readonly heardAtMs: number
  readonly heardMonoMs: number
}

/** Signs of life since this API listens; what was sent before says nothing about now. */
export interface Signs {
  readonly sinceMonoMs: number
  /** The latest of each gate. */
  beats(): readonly { readonly beat: Heartbeat; readonly sign: Sign }[]
  /** The latest of each router and route. */
  acks(): readonly { readonly ack: Ack; readonly sign: Sign }[]
}

/** Senders are few; more than this are a mistake, and the first ones stay. */
const sendersMax = 10_000

export async function watchSigns(scope: Scope, transport: Transport, codec: Codec<Records>): Promise<Signs> {
  const { clock } = scope
  const beats = new Map<string, { readonly beat: Heartbeat; readonly sign: Sign }>()
  const acks = new Map<string, { readonly ack: Ack; readonly sign: Sign }>()
  const keep = <T>(map: Map<string, T>, key: string, value: T) => {
    if (map.has(key) || map.size < sendersMax) map.set(key, value)
  }
  const hear = async ({ records }: RecordBatch) => {
    for (const { value, timestampMs } of records) {
      const decoded = value === null ? null : await codec.decode(value)
      if (decoded?.kind !== 'record' || (decoded.name !== 'Heartbeat' && decoded.name !== 'Ack')) continue
      const sign: Sign = {
        sentAtMs: decoded.value.sent_at,
        appendedAtMs: timestampMs,
        heardAtMs: clock.nowMs(),
        heardMonoMs: clock.monoMs(),
      }
      if (decoded.name === 'Heartbeat') keep(beats, decoded.value.gate, { beat: decoded.value, sign })
      else keep(acks, `${decoded.value.router}/${decoded.value.route}`, { ack: decoded.value, sign })
    }
  }
  const reader = await scope.use('signs', () =>
    transport.read({ topics: [topics.heartbeats.name, topics.acks.name], startAt: 'end', onBatch: hear }),
  )
  reader.crashed.catch((error: unknown) => scope.fail(error))
  const sinceMonoMs = clock.monoMs()
  return { sinceMonoMs, beats: () => [...beats.values()], acks: () => [...acks.values()] }
}
