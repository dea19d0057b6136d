import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { answerFields } from './answer-fields.ts'
import { type AnswerHead, answerBytesMax, hearAnswer } from './heard-answer.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const event = (fields: { readonly type: string; readonly [name: string]: unknown }) =>
  `event: ${fields.type}\ndata: ${JSON.stringify(fields)}\n\n`
const begun =
  event({ type: 'message_start', message: { model: 'c', usage: { input_tokens: 7, output_tokens: 1 } } }) +
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } })
const over =
  event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 40 } }) +
  event({ type: 'message_stop' })

async function hear(text: string | Uint8Array, head: Partial<AnswerHead> = {}) {
  const hearing = hearAnswer({ form: 'messages', status: 200, streamed: true, contentEncoding: '', ...head })
  hearing.push(typeof text === 'string' ? bytes(text) : text, 5)
  return hearing.end(9)
}

describe('what a stream reports at its beginning', () => {
  it('is not what it came to, where it broke off', async () => {
    const heard = await hear(begun)
    expect(heard.failure).toBe('truncated')
    expect(answerFields(heard, false, null)).toMatchObject({
      input_tokens: 7,
      output_tokens: null,
      usage_source: 'reported',
      first_token_at: 5,
    })
  })

  it('is replaced by what it reports at its end', async () => {
    const heard = await hear(begun + over)
    expect(heard.failure).toBeNull()
    expect(answerFields(heard, true, null)).toMatchObject({ input_tokens: 7, output_tokens: 40 })
  })
})

describe('an answer that is longer than what is read of one', () => {
  const long = `{"content":[{"type":"text","text":"${'x'.repeat(answerBytesMax)}"}]}`

  it('was answered all the same, and says that it is not whole', async () => {
    const heard = await hear(long, { streamed: false })
    expect(heard).toMatchObject({ truncated: true, failure: null, answer: { complete: false, text: '' } })
    expect(answerFields(heard, true, { prompt: 'hi' })).toMatchObject({ output_tokens: null, input_tokens: 1 })
  })

  it('is read whole where it is packed into less', async () => {
    const packed = gzipSync(long)
    expect(packed.length).toBeLessThan(answerBytesMax)
    expect(await hear(packed, { streamed: false, contentEncoding: 'GZIP' })).toMatchObject({ failure: null })
  })

  it('is cut at the same byte, whatever pieces it comes in', async () => {
    const words = bytes(event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word ' } }))
    const count = Math.ceil((answerBytesMax + 1_000_000) / words.length)
    const all = Buffer.concat(Array.from({ length: count }, () => words))
    const lengths = []
    for (const piece of [1_000, 65_537, all.length]) {
      const hearing = hearAnswer({ form: 'messages', status: 200, streamed: true, contentEncoding: '' })
      for (let at = 0; at < all.length; at += piece) hearing.push(all.subarray(at, at + piece), 1)
      const { answer, truncated, failure } = await hearing.end(1)
      lengths.push([answer.text.length, truncated, failure])
    }
    const kept = 'word '.length * Math.floor(answerBytesMax / words.length)
    expect(lengths).toEqual(Array.from({ length: 3 }, () => [kept, true, null]))
  })
})

describe('an answer that is packed', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('is read in %s', async (contentEncoding, pack) => {
    const heard = await hear(pack(begun + over), { contentEncoding })
    expect(heard).toMatchObject({ failure: null, truncated: false, answer: { text: 'Hello', firstTokenAtMs: 5 } })
  })

  it('and damaged has failed', async () => {
    const damaged = gzipSync(begun + over).subarray(0, 30)
    expect(await hear(damaged, { contentEncoding: 'gzip' })).toMatchObject({ failure: 'truncated', truncated: false })
  })

  it('in a way that nobody knows says nothing against its model', async () => {
    const heard = await hear('whatever', { contentEncoding: 'rot13' })
    expect(heard).toMatchObject({ failure: null, truncated: true, answer: { text: '' } })
    expect(answerFields(heard, true, null)).toMatchObject({ output_tokens: null })
  })
})
