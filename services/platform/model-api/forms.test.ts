import { describe, expect, it } from 'vitest'
import type { Answer } from './answer.ts'
import { type AnswerForm, createAnswerReader } from './answer-reader.ts'
import { promptTokens } from './token-estimate.ts'

/** The answer however the bytes are cut in two: characters and events are split at each place once. */
function streamed(form: AnswerForm, events: readonly object[], end = ''): Answer {
  const text = events.map((event) => `event: x\ndata: ${JSON.stringify(event)}\n\n`).join('') + end
  const bytes = new TextEncoder().encode(text)
  const at = (cut: number) => {
    const reader = createAnswerReader({ form, streamed: true })
    reader.push(bytes.subarray(0, cut), 1)
    reader.push(bytes.subarray(cut), 2)
    return reader.end(3)
  }
  const whole = at(bytes.length)
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const answer = at(cut)
    expect({ ...answer, firstTokenAtMs: null }).toEqual({ ...whole, firstTokenAtMs: null })
    expect(answer.firstTokenAtMs === null).toBe(whole.firstTokenAtMs === null)
  }
  return whole
}

function body(form: AnswerForm, value: object): Answer {
  const reader = createAnswerReader({ form, streamed: false })
  reader.push(new TextEncoder().encode(JSON.stringify(value)), 1)
  return reader.end(7)
}

const nothing = {
  text: '',
  toolCalls: [],
  vectors: null,
  finishReason: null,
  refusal: null,
  model: null,
  usage: null,
  error: null,
  firstTokenAtMs: null,
  complete: true,
  truncated: false,
  irregular: [],
}

describe('messages', () => {
  const delta = (index: number, of: object) => ({ type: 'content_block_delta', index, delta: of })
  const start = {
    type: 'message_start',
    message: {
      model: 'm-1',
      stop_reason: null,
      usage: { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 1 },
    },
  }
  const opened = (index: number, block: object) => ({ type: 'content_block_start', index, content_block: block })
  const tool = opened(1, { type: 'tool_use', id: 't', name: 'look', input: {} })
  const fragments = ['{"a', '":1}'].map((partial_json) => delta(1, { type: 'input_json_delta', partial_json }))
  const texts = ['Grüß ', '👋'].map((text) => delta(0, { type: 'text_delta', text }))
  const end = [
    { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  ]
  const said = {
    ...nothing,
    text: 'Grüß 👋',
    toolCalls: [{ name: 'look', arguments: '{"a":1}' }],
    finishReason: 'tool_use',
    model: 'm-1',
    usage: { inputTokens: 7, outputTokens: 9, cachedTokens: 4 },
  }

  it('reads a stream', () => {
    const thinking = delta(2, { type: 'thinking_delta', thinking: 'hm' })
    const events = [
      start,
      { type: 'ping' },
      thinking,
      opened(0, { type: 'text', text: '' }),
      ...texts,
      tool,
      ...fragments,
      ...end,
    ]
    expect(streamed('messages', events)).toEqual({ ...said, firstTokenAtMs: 1 })
  })

  it('puts blocks where their index says, whatever came first', () => {
    expect(streamed('messages', [start, ...fragments, tool, ...texts, ...end])).toEqual({ ...said, firstTokenAtMs: 1 })
  })

  it('knows a stream that ended early, one with an error inside, and content behind the end', () => {
    expect(streamed('messages', [start, ...texts])).toMatchObject({ complete: false, text: 'Grüß 👋' })
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'x' } }
    expect(streamed('messages', [start, error])).toMatchObject({ error: { type: 'overloaded_error', code: null } })
    expect(streamed('messages', [start, ...end, ...texts]).irregular).toEqual(['reordered'])
  })

  it('reads a body like its stream, and refusals', () => {
    const content = [
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'Grüß 👋' },
      { type: 'tool_use', id: 't', name: 'look', input: { a: 1 } },
    ]
    const usage = { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 9 }
    const message = { type: 'message', model: 'm-1', stop_reason: 'tool_use', content, usage }
    expect(body('messages', message)).toEqual({ ...said, firstTokenAtMs: 7 })
    const refused = { stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'no' }, content: [] }
    expect(body('messages', refused)).toMatchObject({ finishReason: 'refusal', refusal: 'no' })
    const limited = { type: 'error', error: { type: 'rate_limit_error', message: 'x' } }
    expect(body('messages', limited)).toEqual({ ...nothing, error: { type: 'rate_limit_error', code: null } })
  })
})

describe('responses', () => {
  const call = { type: 'function_call', name: 'look', arguments: '{"a":1}' }
  const final = {
    model: 'm-1',
    status: 'completed',
    error: null,
    output: [
      { type: 'reasoning', summary: [] },
      { type: 'message', content: [{ type: 'output_text', text: 'Grüß 👋' }] },
      call,
    ],
    usage: { input_tokens: 5, input_tokens_details: { cached_tokens: 2 }, output_tokens: 6 },
  }
  const fragments = ['Grüß ', '👋'].map((delta, number) => ({
    type: 'response.output_text.delta',
    output_index: 1,
    delta,
    sequence_number: number + 1,
  }))
  const said = {
    ...nothing,
    text: 'Grüß 👋',
    toolCalls: [{ name: 'look', arguments: '{"a":1}' }],
    finishReason: 'completed',
    model: 'm-1',
    usage: { inputTokens: 5, outputTokens: 6, cachedTokens: 2 },
  }

  it('reads a stream by its last event, and what there is of one that broke off', () => {
    const completed = { type: 'response.completed', response: final, sequence_number: 9 }
    expect(streamed('responses', [...fragments, completed])).toEqual({ ...said, firstTokenAtMs: 1 })
    const added = { type: 'response.output_item.added', output_index: 2, item: { ...call, arguments: '' } }
    const argued = { type: 'response.function_call_arguments.delta', output_index: 2, delta: '{"a"' }
    expect(streamed('responses', [...fragments, added, argued])).toMatchObject({
      complete: false,
      text: 'Grüß 👋',
      toolCalls: [{ name: 'look', arguments: '{"a"' }],
    })
  })

  it('counts events whose numbers go back, and trusts the last event all the same', () => {
    const completed = { type: 'response.completed', response: final, sequence_number: 9 }
    const answer = streamed('responses', [...fragments.toReversed(), completed])
    expect(answer).toMatchObject({ text: 'Grüß 👋', irregular: ['reordered'] })
  })

  it('reads a body like its stream; refusals, cut answers and failures', () => {
    expect(body('responses', final)).toEqual({ ...said, firstTokenAtMs: 7 })
    const refusal = {
      status: 'completed',
      output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'no' }] }],
    }
    expect(body('responses', refusal)).toMatchObject({ refusal: 'no', finishReason: 'completed' })
    const cut = { status: 'incomplete', incomplete_details: { reason: 'content_filter' }, output: [] }
    expect(body('responses', cut)).toMatchObject({ finishReason: 'content_filter', error: null })
    const failed = { status: 'failed', error: { code: 'server_error', message: 'x' } }
    expect(streamed('responses', [{ type: 'response.failed', response: failed }])).toMatchObject({
      error: { type: null, code: 'server_error' },
    })
    expect(streamed('responses', [{ type: 'error', code: 'x' }])).toMatchObject({
      error: { code: 'x' },
      complete: false,
    })
  })
})

describe('completions', () => {
  it('reads bodies and streams', () => {
    const part = (text: string, finish_reason: string | null) => ({
      model: 'm',
      choices: [{ index: 0, text, finish_reason }],
    })
    const said = { ...nothing, text: 'ab', finishReason: 'stop', model: 'm' }
    expect(streamed('completions', [part('a', null), part('b', 'stop')], 'data: [DONE]\n\n')).toEqual({
      ...said,
      firstTokenAtMs: 1,
    })
    const usage = { prompt_tokens: 1, completion_tokens: 2 }
    expect(body('completions', { ...part('ab', 'stop'), usage })).toEqual({
      ...said,
      usage: { inputTokens: 1, outputTokens: 2, cachedTokens: null },
      firstTokenAtMs: 7,
    })
  })
})

describe('embeddings', () => {
  it('reads numbers and base64 alike, in the order of the inputs', () => {
    const vectors = [Float32Array.of(0.5, -1), Float32Array.of(2, 0.25)]
    const data = vectors.map((vector, index) => ({ index, embedding: [...vector] })).toReversed()
    const packed = vectors.map((vector, index) => ({ index, embedding: Buffer.from(vector.buffer).toString('base64') }))
    const usage = { prompt_tokens: 8, total_tokens: 8 }
    for (const of of [data, packed])
      expect(body('embeddings', { model: 'e', data: of, usage })).toEqual({
        ...nothing,
        vectors,
        model: 'e',
        usage: { inputTokens: 8, outputTokens: 0, cachedTokens: null },
        firstTokenAtMs: 7,
      })
  })
})

describe('what a request asks with', () => {
  it.each([
    { messages: [{ role: 'user', content: 'one two three' }] },
    {
      system: [{ type: 'text', text: 'one two' }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'three' }] }],
    },
    { instructions: 'one two', input: [{ role: 'user', content: [{ type: 'input_text', text: 'three' }] }] },
    { input: 'one two three' },
    { input: ['one two', 'three'] },
    { prompt: 'one two three' },
  ])('is counted in %o', (asked) => {
    expect(promptTokens(asked)).toBeGreaterThanOrEqual(3)
    expect(promptTokens(asked)).toBeLessThan(12)
  })
})
