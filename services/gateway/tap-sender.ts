import { setTimeout as delay } from 'node:timers/promises'
import type { Records, Request } from '../domain/events/records.ts'
import { PenstockError } from '../domain/outcome/penstock-error.ts'
import { topics } from '../flow.ts'
import type { OutRecord, Producer } from '../platform/kafka/transport.ts'
import { errorText } from '../platform/log/error-text.ts'
import type { Logger } from '../platform/log/logger.ts'
import { fittingResponse, recordTextBytesMax } from '../platform/model-api/fitting-response.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { exchangeFields } from './exchange-fields.ts'
import type { Lost } from './tap-messages.ts'
import type { TapRecord, TapRecorderDeps } from './tap-recorder.ts'

export interface TapSenderDeps {
  /** Schemas may come later than the first exchanges: what is sent before waits, in order. Rejects only when the tap stops. */
  readonly codec: Promise<Codec<Records>>
  readonly producer: Producer
  /** Bytes of text that may wait for an acknowledgement: a small compressed answer makes a large record. */
  readonly waitingBytesMax: number
  readonly signal: AbortSignal
  readonly log: Logger
}

const retryMs = 1_000

/** Texts of one record that goes with others. No broker refuses so little for its size, and what else it refuses it refuses of all. */
const togetherBytesMax = 64 * 1024

/**
 * Encodes and sends the tap's records for as long as it takes: the producer waits out a broker that is away, and this waits out a topic and a
 * registry that are not there yet. Byte budgets, not a number of tries, are what bounds it.
 *
 * Records are handed to the producer in the order of the calls, and it keeps that order in each partition. So a response stands behind its request, and
 * after an outage goes out with it: waiting for the request to be acknowledged first would leave it to the next fault.
 */
export function createTapSender(deps: TapSenderDeps): TapRecorderDeps['send'] {
  const { codec, signal, log } = deps
  codec.catch(() => undefined)
  let waitingBytes = 0
  const outgoing = createOutgoing(untilKnown(deps))
  return async (whole, request) => {
    // Before anything is waited for: what waits is bounded.
    const { record, bytes, lost } = cut(whole, Math.min(recordTextBytesMax, deps.waitingBytesMax - waitingBytes))
    waitingBytes += bytes
    const key = record.value.exchange_id
    try {
      const out = { topic: topics.exchanges.name, key, value: encoded(await codec, record) }
      await (bytes <= togetherBytesMax ? outgoing.together(out) : outgoing.alone(out))
      return { lost }
    } catch (error) {
      if (!signal.aborted) log.warn({ ...exchangeFields(key, request), err: errorText(error) }, 'record not sent')
      return { lost: 'record' }
    } finally {
      waitingBytes -= bytes
    }
  }
}

type Send = (records: readonly OutRecord[]) => Promise<void>

/** While something is to be tried again, nothing that comes later goes before it. */
function untilKnown({ producer, signal }: TapSenderDeps): Send {
  let pause: Promise<void> | null = null
  return async (records) => {
    for (;;) {
      while (pause !== null) await pause
      try {
        await producer.send(records)
        return
      } catch (cause) {
        if (!(cause instanceof PenstockError && cause.retriable) || signal.aborted) throw cause
        pause ??= delay(retryMs, undefined, { signal }).finally(() => {
          pause = null
        })
      }
    }
  }
}

interface Outgoing {
  /** With all that comes in the same turn of the loop: a call of the producer costs more than a record. */
  together(record: OutRecord): Promise<void>
  /** By itself, behind what came before it. */
  alone(record: OutRecord): Promise<void>
}

function createOutgoing(send: Send): Outgoing {
  let gathered: { readonly records: OutRecord[]; readonly sent: PromiseWithResolvers<void> } | null = null
  const handOver = () => {
    if (gathered === null) return
    const { records, sent } = gathered
    gathered = null
    send(records).then(sent.resolve, sent.reject)
  }
  return {
    together(record) {
      if (gathered === null) {
        gathered = { records: [], sent: Promise.withResolvers() }
        setImmediate(handOver)
      }
      const { records, sent } = gathered
      records.push(record)
      // Refused together, each hears what becomes of it alone.
      return sent.promise.catch((cause: unknown) => {
        if (records.length === 1) throw cause
        return send([record])
      })
    },
    alone(record) {
      handOver()
      return send([record])
    },
  }
}

function encoded(codec: Codec<Records>, record: TapRecord): Buffer {
  return record.name === 'Request' ? codec.encode('Request', record.value) : codec.encode('Response', record.value)
}

interface Cut {
  readonly record: TapRecord
  /** What its texts take. */
  readonly bytes: number
  readonly lost: Lost | null
}

/** A record whose texts are larger than `roomBytes` loses its body, or the end of its text, and says so. */
function cut(record: TapRecord, roomBytes: number): Cut {
  if (record.name === 'Request') {
    const bytes = record.value.body.length
    if (bytes <= roomBytes) return { record, bytes, lost: null }
    return { record: { name: 'Request', value: withoutBody(record.value) }, bytes: 0, lost: 'body' }
  }
  const { response, bytes, isCut } = fittingResponse(record.value, roomBytes)
  return { record: { name: 'Response', value: response }, bytes, lost: isCut ? 'body' : null }
}

const withoutBody = (request: Request): Request => ({ ...request, body: Buffer.alloc(0) })
