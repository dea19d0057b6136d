import { decodeContent, isPlain, type TimedChunk } from '../http/decode-content.ts'
import { type Answer, isSpentQuota } from './answer.ts'
import { type AnswerForm, createAnswerReader } from './answer-reader.ts'

/** What is known of an answer before its body. */
export interface AnswerHead {
  readonly form: AnswerForm
  readonly status: number | null
  readonly streamed: boolean
  readonly contentEncoding: string
}

/** What came of a call that was answered, by the answer alone. */
export interface HeardAnswer {
  readonly answer: Answer
  /** Some of it was not read. */
  readonly truncated: boolean
  /** Why the call failed, provided that its body came to its end; null: it was answered. */
  readonly failure: AnswerFailure | null
}

/**
 * `stream_error`: an error inside the body, whatever the status said. `truncated`: a stream without its end. `unreadable`: a body that is not what the
 * operation answers with.
 */
export type AnswerFailure = StatusFailure | 'quota' | 'stream_error' | 'truncated' | 'unreadable'

type StatusFailure = 'rate_limited' | 'provider_5xx' | 'provider_4xx'

/** Takes an answer as it comes. The arms are compared by what this makes of it, so live and shadow legs are heard by the same one. */
export interface Hearing {
  push(data: Uint8Array, atMs: number): void
  /** Also of an answer that broke off: as far as it had come. */
  end(atMs: number): Promise<HeardAnswer>
}

/** Bytes of one answer that are read, as it came: a stream that never ends must not take the room of all others, and no record holds a text of this size. */
export const answerBytesMax = 8 * 1024 * 1024
/** What that may unpack to. */
const unpackedBytesMax = 16 * 1024 * 1024

export function isEventStream(contentType: string): boolean {
  return contentType.toLowerCase().startsWith('text/event-stream')
}

/** Why a call failed as far as its status says; null for one that begins an answer. */
export function statusFailure(status: number | null): StatusFailure | null {
  if (status === null || status < 400) return null
  if (status === 429) return 'rate_limited'
  return status >= 500 ? 'provider_5xx' : 'provider_4xx'
}

/** `isCut`: whoever passes it on leaves some of it out. */
export function hearAnswer(head: AnswerHead, isCut = false): Hearing {
  const reader = createAnswerReader(head)
  const packed: TimedChunk[] | null = isPlain(head.contentEncoding) ? null : []
  let bytes = 0
  let truncated = isCut
  return {
    push(data, atMs) {
      // To the byte, so that both legs keep the same of the same answer, whatever pieces it came in.
      const kept = data.subarray(0, answerBytesMax - bytes)
      bytes += kept.length
      if (kept.length < data.length) truncated = true
      if (packed === null) reader.push(kept, atMs)
      else packed.push({ data: kept, atMs })
    },
    async end(atMs) {
      if (packed !== null) {
        const content = await decodeContent(head.contentEncoding, packed, unpackedBytesMax)
        for (const chunk of content.chunks) reader.push(chunk.data, chunk.atMs)
        truncated ||= content.end === 'unread'
      }
      const answer = reader.end(atMs)
      truncated ||= answer.truncated
      return { answer, truncated, failure: failureOf(head, answer, truncated) }
    },
  }
}

/** What is too long to be read to its end was answered all the same. */
function failureOf({ status, streamed }: AnswerHead, answer: Answer, truncated: boolean): AnswerFailure | null {
  const byStatus = statusFailure(status)
  if (byStatus === 'rate_limited' && isSpentQuota(answer.error)) return 'quota'
  if (byStatus !== null) return byStatus
  if (answer.error !== null) return 'stream_error'
  if (answer.complete || truncated) return null
  return streamed ? 'truncated' : 'unreadable'
}
