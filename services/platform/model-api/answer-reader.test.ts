import { describe, expect, it } from 'vitest'
import type { Answer } from './answer.ts'
import { type AnswerForm, createAnswerReader } from './answer-reader.ts'

const chunk = (delta: object, finish: string | null = null, more: object = {}) =>
  `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`

const stream = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Grüß ' }),
  ': a comment\n\n',
  chunk({ content: 'Gott 👋' }),
  chunk({ tool_calls: [{ index: 0, function: { name: 'look', arguments: '{"a"' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }, 'tool_calls'),
  `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 1 } } })}\n\n`,
  'data: [DONE]\n\n',
].join('')

function read(text: string, cuts: readonly number[], form: AnswerForm = 'chat.completions'): Answer {
  const bytes = new TextEncoder().encode(text)
  const reader = createAnswerReader({ form, streamed: true })
  let from = 0
  for (const [index, cut] of [...cuts, bytes.length].entries()) {
    reader.push(bytes.subarray(from, cut), index)
    from = cut
  }
  return reader.end(99)
}

describe('an event stream', () => {
  it('reads the same wherever the bytes are cut', () => {
    const bytes = new TextEncoder().encode(stream).length
    const { firstTokenAtMs: _, ...expected } = read(stream, [])
    expect(expected).toEqual({
      text: 'Grüß Gott 👋',
      toolCalls: [{ name: 'look', arguments: '{"a":1}' }],
      finishReason: 'tool_calls',
      refusal: null,
      model: 'm',
      usage: { inputTokens: 3, outputTokens: 4, cachedTokens: 1 },
      vectors: null,
      error: null,
      complete: true,
      truncated: false,
      irregular: [],
    })
    for (let cut = 0; cut <= bytes; cut += 1) {
      const { firstTokenAtMs, ...answer } = read(stream, [cut])
      expect(answer).toEqual(expected)
      expect(firstTokenAtMs).not.toBeNull()
    }
  })

  it('says when it was broken off, also by an error inside it', () => {
    expect(read(chunk({ content: 'half' }), []).complete).toBe(false)
    const broken = read(`${chunk({ content: 'half' })}data: {"error":{"type":"server_error","code":"x"}}\n\n`, [])
    expect(broken.error).toEqual({ type: 'server_error', code: 'x' })
    expect(read('data: not json\n\n', [])).toMatchObject({ text: '', complete: false, irregular: ['garbled'] })
    const behind = `${chunk({ content: 'a' }, 'stop')}data: [DONE]\n\n${chunk({ content: 'b' })}`
    expect(read(behind, [])).toMatchObject({ text: 'ab', complete: true, irregular: ['reordered'] })
  })

  it('keeps text up to its limit only, and says so', () => {
    const reader = createAnswerReader({ form: 'chat.completions', streamed: true, textBytesMax: 1_000 })
    for (let i = 0; i < 100; i += 1) reader.push(new TextEncoder().encode(chunk({ content: 'x'.repeat(50) })), i)
    const answer = reader.end(100)
    expect(answer).toMatchObject({ truncated: true, irregular: ['oversized'] })
    expect(answer.text.length).toBeLessThanOrEqual(1_000)
  })
})

describe('a JSON body', () => {
  it('reads refusal, usage and garbage', () => {
    const reader = createAnswerReader({ form: 'chat.completions', streamed: false })
    reader.push(
      new TextEncoder().encode(
        '{"model":"m","choices":[{"index":0,"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}],"usage":{"prompt_tokens":-1,"completion_tokens":2}}',
      ),
      1,
    )
    expect(reader.end(5)).toMatchObject({
      refusal: 'no',
      text: '',
      firstTokenAtMs: 5,
      complete: true,
      usage: { inputTokens: null, outputTokens: 2 },
    })
    const garbage = createAnswerReader({ form: 'chat.completions', streamed: false })
    garbage.push(new Uint8Array([0xff, 0xfe, 0]), 1)
    expect(garbage.end(2)).toMatchObject({ complete: false, text: '' })
  })
})
