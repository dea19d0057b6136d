import type { Records } from '../domain/events/records.ts'
import { requestFields } from '../domain/pairing/exchange-facts.ts'
import type { Head } from '../domain/pairing/join.ts'
import { answerFields } from '../domain/scoring/leg-facts.ts'
import type { Decoded, Projected, ProjectingCodec } from '../platform/registry/codec.ts'

const read = {
  Request: requestFields,
  ShadowPlan: ['exchange_id', 'place', 'legs', 'deadline_at'],
  Response: answerFields,
} as const
/** Bodies are looked at where they lie. */
const lent = { Request: ['body'], Response: ['output'] } as const

/** What pairing reads of the records of an exchange. */
export type ExchangeRecords = Projected<Records, typeof read, typeof lent>

type Read = Decoded<ExchangeRecords> | null

/** Reads a record's head first, and the rest that pairing needs only when the head does not settle it. */
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
  const wholes = codec.project(read, lent)
  return {
    decode(value, settled) {
      const rest = (head: Awaited<ReturnType<typeof heads.decode>>) => {
        if (head.kind === 'bad') return head
        return settled(head) ? null : wholes.decode(value)
      }
      const head = heads.decode(value)
      return head instanceof Promise ? head.then(rest) : rest(head)
    },
  }
}
