import type { Records } from '../domain/events/records.ts'
import type { Head } from '../domain/pairing/join.ts'
import type { Decoded, ProjectingCodec } from '../platform/registry/codec.ts'

/** Reads a record's head first, and the whole of it only when the head does not settle it. */
export interface ExchangeDecoder {
  /** Null when `settled` says that nothing is left to do. */
  decode(value: Buffer, settled: (head: Head) => boolean): Promise<Decoded<Records> | null>
}

/** The head is read by a projection, which passes over bodies unread. */
export function createExchangeDecoder(codec: ProjectingCodec<Records>): ExchangeDecoder {
  const heads = codec.project({
    Request: ['exchange_id', 'place', 'tap_drops'],
    ShadowPlan: ['exchange_id'],
    Response: ['exchange_id', 'leg'],
  })
  return {
    async decode(value, settled) {
      const head = await heads.decode(value)
      if (head.kind === 'bad') return head
      return settled(head) ? null : codec.decode(value)
    },
  }
}
