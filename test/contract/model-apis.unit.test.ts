import { createHash } from 'node:crypto'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type GatewayInMemory,
  providerKey,
  type Script,
  startGatewayInMemory,
  tenantToken,
} from './gateway-in-memory.ts'

let gateway: GatewayInMemory
const start = async (script: Script, options?: Parameters<typeof startGatewayInMemory>[1]) => {
  gateway = await startGatewayInMemory(script, options)
  const { url } = gateway
  return {
    openai: new OpenAI({ apiKey: tenantToken, baseURL: `${url}/v1`, maxRetries: 0 }),
    anthropic: new Anthropic({
      apiKey: tenantToken,
      baseURL: url,
      maxRetries: 0,
      defaultHeaders: { 'x-penstock-route': 'claude' },
    }),
  }
}
afterEach(() => gateway.stop())

const events = (...list: readonly (readonly [string, object])[]) =>
  list.map(([type, event]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...event })}\n\n`).join('')
const hello = 'Grüß Gott 👋'
const halves = [hello.slice(0, 5), hello.slice(5)]

describe('the client of Anthropic', () => {
  const usage = { input_tokens: 3, output_tokens: 4 }
  const asked = { model: 'm', max_tokens: 10, messages: [{ role: 'user' as const, content: 'hi' }] }
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-x',
    content: [{ type: 'text', text: hello }],
  }

  it('is answered in JSON; both sides are captured, and keys change hands', async () => {
    const { anthropic } = await start({ '/v1/messages': { ...message, stop_reason: 'end_turn', usage } })
    const { content } = await anthropic.messages.create(asked)
    expect(content).toMatchObject([{ text: hello }])
    const headers = gateway.calls[0]?.headers ?? ({} as Record<string, string>)
    expect([headers['x-api-key'], headers['authorization']]).toEqual([providerKey, undefined])
    expect(headers['anthropic-version']).toMatch(/^\d{4}-/)
    expect(await gateway.request()).toMatchObject({ operation: 'messages', route: 'claude', tenant: 't' })
    expect(await gateway.response()).toMatchObject({
      resolution: 'answered',
      output: hello,
      finish_reason: 'end_turn',
      model_served: 'claude-x',
      input_tokens: 3,
      output_tokens: 4,
      usage_source: 'reported',
    })
    for (const secret of [providerKey, tenantToken]) expect(JSON.stringify(gateway.records)).not.toContain(secret)
  })

  it('is answered by events, tool calls included', async () => {
    const block = (index: number, content_block: object) => ['content_block_start', { index, content_block }] as const
    const delta = (index: number, of: object) => ['content_block_delta', { index, delta: of }] as const
    const stream = events(
      [
        'message_start',
        { message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } } },
      ],
      block(0, { type: 'text', text: '' }),
      ...halves.map((text) => delta(0, { type: 'text_delta', text })),
      ['content_block_stop', { index: 0 }],
      block(1, { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }),
      ...['{"a', '":1}'].map((partial_json) => delta(1, { type: 'input_json_delta', partial_json })),
      ['content_block_stop', { index: 1 }],
      ['message_delta', { delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 4 } }],
      ['message_stop', {}],
    )
    const { anthropic } = await start({ '/v1/messages': stream })
    const final = await anthropic.messages.stream(asked).finalMessage()
    expect(final.content).toMatchObject([{ text: hello }, { name: 'look', input: { a: 1 } }])
    expect(await gateway.response()).toMatchObject({
      resolution: 'answered',
      output: hello,
      tool_calls: [{ name: 'look', arguments: '{"a":1}' }],
      finish_reason: 'tool_use',
      output_tokens: 4,
      first_token_at: expect.any(Number),
    })
  })

  it('hears errors of the gateway in its own form', async () => {
    const { anthropic } = await start({})
    const stranger = new Anthropic({ apiKey: 'wrong', baseURL: gateway.url, maxRetries: 0 })
    await expect(stranger.messages.create(asked)).rejects.toMatchObject({ status: 401, type: 'authentication_error' })
    const nowhere = { headers: { 'x-penstock-route': 'nowhere' } }
    await expect(anthropic.messages.create(asked, nowhere)).rejects.toMatchObject({
      status: 404,
      type: 'not_found_error',
    })
    const chat = { headers: { 'x-penstock-route': 'chat' } }
    await expect(anthropic.messages.create(asked, chat)).rejects.toThrow(/no provider of route chat has messages/)
    expect(gateway.calls).toEqual([])
  })
})

describe('the client of OpenAI', () => {
  const usage = { input_tokens: 3, output_tokens: 4, total_tokens: 7, input_tokens_details: { cached_tokens: 1 } }
  const output = [
    { type: 'message', id: 'm1', role: 'assistant', content: [{ type: 'output_text', text: hello, annotations: [] }] },
  ]
  const response = { id: 'resp_1', object: 'response', model: 'gpt-x', status: 'completed', output, usage }

  it('calls responses, in JSON and by events', async () => {
    const first = await start({ '/v1/responses': response })
    expect((await first.openai.responses.create({ model: 'm', input: 'hi' })).output_text).toBe(hello)
    const answered = {
      resolution: 'answered',
      output: hello,
      input_tokens: 3,
      cached_tokens: 1,
      finish_reason: 'completed',
    }
    expect(await gateway.response()).toMatchObject(answered)
    await gateway.stop()
    const fragments = halves.map(
      (delta, at) =>
        [
          'response.output_text.delta',
          { item_id: 'm1', output_index: 0, content_index: 0, delta, sequence_number: at + 1 },
        ] as const,
    )
    const created = { response: { ...response, status: 'in_progress', output: [] }, sequence_number: 0 }
    const end = ['response.completed', { response, sequence_number: 9 }] as const
    const { openai } = await start({ '/v1/responses': events(['response.created', created], ...fragments, end) })
    let heard = ''
    for await (const event of await openai.responses.create({ model: 'm', input: 'hi', stream: true }))
      if (event.type === 'response.output_text.delta') heard += event.delta
    expect(heard).toBe(hello)
    expect(await gateway.response()).toMatchObject(answered)
  })

  it('calls completions by events', async () => {
    const part = (text: string, finish_reason: string | null) =>
      `data: ${JSON.stringify({ id: 'c', object: 'text_completion', created: 1, model: 'old', choices: [{ index: 0, text, finish_reason, logprobs: null }] })}\n\n`
    const { openai } = await start({
      '/v1/completions': `${halves.map((text) => part(text, null)).join('')}${part('', 'length')}data: [DONE]\n\n`,
    })
    let heard = ''
    for await (const chunk of await openai.completions.create({ model: 'm', prompt: 'hi', stream: true }))
      heard += chunk.choices[0]?.text ?? ''
    expect(heard).toBe(hello)
    expect(await gateway.request()).toMatchObject({ operation: 'completions' })
    expect(await gateway.response()).toMatchObject({
      output: hello,
      finish_reason: 'length',
      usage_source: 'estimated',
    })
  })

  it('calls embeddings; of the vectors only a sketch is kept', async () => {
    const embedding = Buffer.from(Float32Array.of(0.5, -0.25, 1).buffer).toString('base64')
    const data = [{ object: 'embedding', index: 0, embedding }]
    const { openai } = await start({
      '/v1/embeddings': { object: 'list', model: 'e', data, usage: { prompt_tokens: 2, total_tokens: 2 } },
    })
    const { data: got } = await openai.embeddings.create({ model: 'e', input: 'hi' })
    expect(got[0]?.embedding).toEqual([0.5, -0.25, 1])
    expect(await gateway.response()).toMatchObject({
      resolution: 'answered',
      input_tokens: 2,
      output_tokens: 0,
      output: expect.stringMatching(/^embeddings of 1 numbers each 3, sketch [0-9a-f]{64}$/),
    })
  })

  it('lists models and calls what else keeps nothing, and none of it is captured', async () => {
    const { openai } = await start({
      '/v1/models': { object: 'list', data: [{ id: 'gpt-x', object: 'model', created: 1, owned_by: 'o' }] },
      '/v1/moderations': { id: 'mod', model: 'm', results: [{ flagged: true }] },
    })
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['gpt-x'])
    expect((await openai.moderations.create({ input: hello })).results).toMatchObject([{ flagged: true }])
    expect(gateway.calls.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['GET', `Bearer ${providerKey}`],
      ['POST', `Bearer ${providerKey}`],
    ])
    expect(JSON.parse(gateway.calls[1]?.body ?? '')).toEqual({ input: hello })
    expect(gateway.records).toEqual([])
  })
})

describe('streams that are not what they should be', () => {
  const part = (text: string, finish: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text }, finish_reason: finish }] })}\n\n`
  const done = 'data: [DONE]\n\n'
  it.each([
    ['truncated', part(hello)],
    ['reordered', part('', 'stop') + done + part(hello)],
    ['garbled', `${part(hello, 'stop')}data: no JSON\n\n${done}`],
  ])('pass as they are, and are counted: %s', async (what, stream) => {
    await start({ '/v1/chat/completions': stream })
    const headers = { authorization: `Bearer ${tenantToken}` }
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body: '{}' })
    expect(await response.text()).toBe(stream)
    const resolution = what === 'truncated' ? 'failed' : 'answered'
    expect(await gateway.response()).toMatchObject({ output: hello, resolution })
    expect(gateway.replies).toContainEqual({ kind: 'irregular', what: [what] })
  })
})

describe('what tenants may call', () => {
  const headers = { authorization: `Bearer ${tenantToken}` }
  const get = async (path: string, method = 'GET') => (await fetch(`${gateway.url}${path}`, { method, headers })).status
  const tenant = { id: 't', capture: 'full' as const, segments: {}, tokenSha256: '' }

  it('is only what keeps nothing, unless more is allowed', async () => {
    await start({ '/v1/models/a': {} })
    expect(await get('/v1/models/a')).toBe(200)
    for (const path of ['/v1/files', '/v1/responses/resp_1', '/v1/organization/users', '/v1/modelsx', '/v1/batches'])
      expect([path, await get(path)]).toEqual([path, 403])
    expect(await get('/v1/models/..%2ffiles')).toBe(400)
    expect(await get('/v1/chat/completions')).toBe(405)
    expect(await get('/metrics')).toBe(404)
    expect(gateway.calls).toHaveLength(1)
  })

  it('is all of it, or single operations, as the file says', async () => {
    const tokenSha256 = createHash('sha256').update(tenantToken).digest('hex')
    const tenants = [{ ...tenant, tokenSha256, passthrough: 'all' as const, operations: ['embeddings' as const] }]
    await start({ '/v1/files': {} }, { routing: () => ({ tenants }) })
    expect(await get('/v1/files')).toBe(200)
    expect(await get('/v1/files', 'POST')).toBe(200)
    expect(await get('/v1/chat/completions', 'POST')).toBe(403)
    expect(await get('/v1/embeddings', 'POST')).toBe(404)
  })
})
