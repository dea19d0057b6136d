import type { Records } from '../domain/events/records.ts'
import type { Head } from '../domain/pairing/join.ts'
import type { Decoded, ProjectingCodec } from '../platform/registry/codec.ts'

type Read = Decoded<Records> | null

/** Reads a record's head first, and the whole of it only when the head does not settle it. */
export interface ExchangeDecoder {
  /** Null when `settled` says that nothing is left to do. A promise only for a writer's schema that is met for the first time. */
  decode(value: Buffer, settled: (head: Head) => boolean): Read | Promise<Read>
}

/** The head is read by a projection, which passes over bodies unread. */
export function createExchangeDecoder(codec: ProjectingCodec<Records>): ExchangeDecoder {
  const heads = codec.project({
    Request: ['exchange_id', 'place', 'tap_drops'],
    ShadowPlan: ['exchange_id'],
    Response: ['exchange_id', 'leg'],
  })
  return {
    decode(value, settled) {
      const rest = (head: Awaited<ReturnType<typeof heads.decode>>) => {
        if (head.kind === 'bad') return head
        return settled(head) ? null : codec.decode(value)
      }
      const head = heads.decode(value)
      return head instanceof Promise ? head.then(rest) : rest(head)
    },
  }
}
