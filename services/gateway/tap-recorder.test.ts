import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { RecordName, Records, Request, Response } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { createRedactor } from '../domain/redaction/redactor.ts'
import { MemoryTransport } from '../platform/kafka/memory-transport.ts'
import { TransportError } from '../platform/kafka/transport-error.ts'
import { createAvroCodec } from '../platform/registry/avro-codec.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { Capture, TapEnd, TapReply, TapRequest } from './tap-messages.ts'
import { createTapRecorder } from './tap-recorder.ts'
import { createTapSender } from './tap-sender.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const log = { ...silent, child: () => log }
const names = Object.keys(schemaTexts) as RecordName[]
const ids = Object.fromEntries(names.map((name, index) => [name, index + 1])) as Record<RecordName, number>
const codec = createAvroCodec<Records>(schemaTexts, ids, async () => null)
const bytes = (text: string) => new TextEncoder().encode(text)

const request: TapRequest = {
  route: 'r',
  operation: 'chat.completions',
  tenant: 't',
  session: null,
  unit: 'u',
  segments: {},
  arrivedAtMs: 1,
  arm: 'baseline',
  assignment: 'no_split',
  place: null,
  headers: { 'user-agent': 'me@example.com' },
  capture: 'full',
  promptId: null,
  promptVersion: null,
  servedPromptVersion: null,
  goldenRef: 'golden',
  traceparent: null,
  clientRequestId: null,
  turn: 0,
  provider: 'p',
  rewrite: null,
}
const ended: TapEnd = {
  resolution: 'answered',
  errorClass: null,
  status: 200,
  streamed: true,
  contentEncoding: '',
  startedAtMs: 100,
  endedAtMs: 900,
  truncated: false,
  quotaRemaining: null,
}
const unreached: TapEnd = { ...ended, resolution: 'failed', errorClass: 'connection', status: null }
const event = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const done = `${event({}, 'stop')}data: [DONE]\n\n`

async function setUp(opened: Promise<Codec<Records>> = Promise.resolve(codec), waitingBytesMax = 10_000_000) {
  const transport = new MemoryTransport({ nowMs: () => 0, monoMs: () => 0 })
  await transport.ensureTopics([{ name: 'llm.exchanges.v1', partitions: 1, config: {} }])
  const replies: TapReply[] = []
  let redacted = 0
  const { signal } = new AbortController()
  const producer = await transport.producer()
  const recorder = createTapRecorder({
    redact: createRedactor({
      pseudonym() {
        redacted += 1
        return 'x'
      },
    }),
    send: createTapSender({ codec: opened, producer, waitingBytesMax, signal, log }),
    reply: (message) => void replies.push(message),
  })
  const written = async (): Promise<readonly (Request | Response)[]> => {
    const found: (Request | Response)[] = []
    const reader = await transport.read({
      topics: ['llm.exchanges.v1'],
      startAt: 'beginning',
      async onBatch({ records }) {
        for (const { value } of records) {
          const decoded = value === null ? null : await codec.decode(value)
          if (decoded?.kind === 'record') found.push(decoded.value as Request | Response)
        }
      },
    })
    await reader.caughtUp
    await reader.stop()
    return found
  }
  /** One whole exchange; what it wrote. */
  const record = async (
    change: { readonly request?: Partial<TapRequest>; readonly end?: Partial<TapEnd>; readonly body?: string | null },
    chunks: readonly (readonly [string | Uint8Array, number])[],
  ) => {
    const { body: text = '{"model":"m","messages":[{"role":"user","content":"hi"}]}' } = change
    const body = text === null ? null : bytes(text)
    recorder.on({ kind: 'request', id: 'id', request: { ...request, ...change.request }, body, dropped: 0 })
    for (const [data, atMs] of chunks)
      recorder.on({ kind: 'chunk', id: 'id', data: typeof data === 'string' ? bytes(data) : data, atMs })
    recorder.on({ kind: 'end', id: 'id', end: { ...ended, ...change.end } })
    await recorder.idle()
    const [asked, answered] = await written()
    return { request: asked as Request, response: answered as Response }
  }
  return { transport, recorder, replies, written, record, redactions: () => redacted }
}

describe('what became of a call', () => {
  const token = event({ content: 'a' })
  const first = event({ role: 'assistant', content: '' })
  it.each([
    ['a whole stream', [token, done], {}, 'answered', null],
    ['an error inside a 200', [token, 'data: {"error":{"code":"x"}}\n\n'], {}, 'failed', 'stream_error'],
    ['a stream without an end', [token], {}, 'failed', 'truncated'],
    ['a body that is no JSON', ['<html>'], { streamed: false }, 'failed', 'unreadable'],
    ['a caller that left before a token', [first], { resolution: 'aborted_by_client' }, 'abandoned', null],
    ['a caller that left after one', [first, token], { resolution: 'aborted_by_client' }, 'aborted_by_client', null],
    ['a caller that left before a byte', [], { resolution: 'abandoned' }, 'abandoned', null],
    ['a provider out of time', [token], { resolution: 'timed_out', errorClass: 'timeout' }, 'timed_out', 'timeout'],
    [
      'a spent quota',
      ['{"error":{"code":"insufficient_quota"}}'],
      { resolution: 'failed', errorClass: 'rate_limited', status: 429, streamed: false },
      'failed',
      'quota',
    ],
    ['an answer that the tap cut', [token], { truncated: true }, 'answered', null],
  ] as const)('%s', async (_, chunks, end, resolution, errorClass) => {
    const { record } = await setUp()
    const { response } = await record(
      { end },
      chunks.map((chunk, index) => [chunk, 200 + index]),
    )
    expect(response).toMatchObject({ resolution, error_class: errorClass })
  })

  it('dates the first token, also inside a compressed stream', async () => {
    const { record } = await setUp()
    const pressed = gzipSync(`${event({ role: 'assistant' })}${event({ content: 'Grüß Gott' })}${done}`)
    const { response } = await record({ end: { contentEncoding: 'gzip' } }, [
      [pressed.subarray(0, 5), 150],
      [pressed.subarray(5), 300],
    ])
    expect(response).toMatchObject({ resolution: 'answered', output: 'Grüß Gott', first_token_at: 300 })
  })

  it('unpacks no bomb: what goes beyond the bound is left out, and the next answers are read', async () => {
    const { recorder, written } = await setUp()
    const bomb = gzipSync(Buffer.concat([Buffer.from(event({ content: 'a' })), Buffer.alloc(200_000_000, ' ')]))
    const before = process.memoryUsage().rss
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      recorder.on({ kind: 'request', id, request, body: bytes('{}'), dropped: 0 })
      recorder.on({ kind: 'chunk', id, data: bomb, atMs: 200 })
      recorder.on({ kind: 'end', id, end: { ...ended, contentEncoding: 'gzip' } })
    }
    await recorder.idle()
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
    const responses = (await written()).filter((value) => 'resolution' in value)
    expect(responses).toHaveLength(6)
    for (const response of responses) expect(response).toMatchObject({ resolution: 'answered', truncated: true })
  })
})

describe('usage and parameters', () => {
  it('estimates usage that nobody reported, control tokens and endless words included', async () => {
    const { record } = await setUp()
    const text = `<|endoftext|> ${'x'.repeat(90_000)}`
    const { response } = await record({ body: JSON.stringify({ model: 'm', messages: [{ content: text }] }) }, [
      [event({ content: '<|im_start|> hello' }), 200],
      [done, 210],
    ])
    expect(response).toMatchObject({ resolution: 'answered', usage_source: 'estimated' })
    expect(response.input_tokens).toBeGreaterThan(20_000)
    expect(response.output_tokens).toBeGreaterThan(2)
  })

  it.each([
    ['whose body was left out', { body: null }],
    ['that is no JSON', { body: '<xml/>' }],
    ['that is nested beyond reading', { body: `{"model":"m","a":${'['.repeat(50_000)}${']'.repeat(50_000)}}` }],
  ])('estimates nothing of a request %s', async (_, change) => {
    const { record } = await setUp()
    const { response } = await record(change, [[event({ content: 'hello' }) + done, 1]])
    expect(response).toMatchObject({
      resolution: 'answered',
      input_tokens: null,
      output_tokens: 1,
      parameters_hash: '',
    })
  })

  it('estimates nothing of an answer that was cut, and counts what tools were called with', async () => {
    const { record } = await setUp()
    const cut = await record({ end: { truncated: true } }, [[event({ content: 'hello' }), 1]])
    expect(cut.response).toMatchObject({ output_tokens: null, usage_source: 'estimated' })
    const call = { index: 0, function: { name: 'look', arguments: '{"where":"everywhere"}' } }
    const tools = await (await setUp()).record({}, [[event({ tool_calls: [call] }) + done, 1]])
    expect(tools.response.output_tokens).toBeGreaterThan(4)
  })

  it('keeps what was reported apart from what was not', async () => {
    const { record } = await setUp()
    const usage = `data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":-1}}\n\n`
    const { response } = await record({}, [[event({ content: 'hello' }) + usage + done, 1]])
    expect(response).toMatchObject({ input_tokens: 7, output_tokens: null, usage_source: 'reported' })
  })

  it('names the prompt of the caller in the request and the prompt that was served in the response', async () => {
    const { record } = await setUp()
    const { request: asked, response } = await record(
      { request: { promptVersion: 'said', servedPromptVersion: 'of the variant' } },
      [[done, 1]],
    )
    expect([asked.prompt_version, response.prompt_version]).toEqual(['said', 'of the variant'])
  })

  it('names the model and the parameters that the provider was asked with', async () => {
    const plain = await (await setUp()).record({ body: '{"model":"asked","temperature":0.5,"messages":[]}' }, [
      [done, 1],
    ])
    expect(plain.response.model_requested).toBe('asked')
    const operation = 'chat.completions' as const
    const other = { operation, model: 'candidate', parameters: { temperature: '0.5' }, prompt: null }
    const rewritten = await (await setUp()).record(
      { request: { rewrite: other }, body: '{"messages":[1],"model":"asked","stream":true}' },
      [[done, 1]],
    )
    expect(rewritten.response.model_requested).toBe('candidate')
    expect(rewritten.response.parameters_hash).toBe(plain.response.parameters_hash)
    const hotter = await (await setUp()).record({ body: '{"model":"asked","temperature":0.6}' }, [[done, 1]])
    expect(hotter.response.parameters_hash).not.toBe(plain.response.parameters_hash)
  })
})

describe('capture levels', () => {
  const body = '{"model":"m","messages":[{"role":"user","content":"mail\\nme@example.com"}]}'
  const answer = [
    event({ refusal: 'not for you@example.com' }),
    event({ content: 'me@example.com' }),
    event({ tool_calls: [{ index: 0, function: { name: 'send', arguments: '{"to":"me@example.com"}' } }] }),
    done,
  ].join('')
  const at = async (capture: Capture) => {
    const { record } = await setUp()
    const records = await record({ request: { capture }, body }, [[answer, 200]])
    return { ...records, text: JSON.stringify({ ...records, body: Buffer.from(records.request.body).toString() }) }
  }

  it('full tells all', async () => {
    const { request: asked, response } = await at('full')
    expect(Buffer.from(asked.body).toString()).toBe(body)
    expect(response).toMatchObject({ output: 'me@example.com', refusal: 'not for you@example.com' })
  })

  it('redacted names nobody: not in the prompt, the answer, the refusal, the tools or the headers', async () => {
    const { request: asked, response, text } = await at('redacted')
    expect(text).not.toContain('example.com')
    expect(Buffer.from(asked.body).toString()).toContain('"model":"m"')
    expect(response.tool_calls).toMatchObject([{ name: 'send' }])
    expect(response.refusal).toContain('not for')
  })

  it('metadata has no texts, but that it was refused', async () => {
    const { request: asked, response } = await at('metadata')
    expect(asked.body).toHaveLength(0)
    expect(asked).toMatchObject({ golden_ref: 'golden', headers: request.headers })
    expect(response).toMatchObject({ output: '', tool_calls: [], refusal: 'refused', finish_reason: 'stop' })
  })

  it('none still counts the exchange, and nothing else', async () => {
    const { request: asked, response } = await at('none')
    expect(asked).toMatchObject({ headers: {}, golden_ref: null, capture: 'none', live_arm: 'baseline' })
    expect(asked.body).toHaveLength(0)
    expect(response).toMatchObject({ output: '', tool_calls: [], refusal: null, resolution: 'answered', status: 200 })
  })
})

describe('sending', () => {
  it('keeps what came before the schemas were known, in order', async () => {
    const opened = Promise.withResolvers<Codec<Records>>()
    const { recorder, written, replies } = await setUp(opened.promise)
    for (const id of ['a', 'b']) {
      recorder.on({ kind: 'request', id, request, body: bytes('{}'), dropped: 0 })
      recorder.on({ kind: 'end', id, end: unreached })
    }
    expect(await written()).toEqual([])
    opened.resolve(codec)
    await recorder.idle()
    expect((await written()).map(({ exchange_id }) => exchange_id).sort()).toEqual(['a', 'a', 'b', 'b'])
    expect(replies).toEqual([
      { kind: 'settled', id: 'a' },
      { kind: 'settled', id: 'b' },
    ])
  })

  it('bounds what waits by its own measure: texts are left out of records beyond it, counted, and the exchange stays', async () => {
    const opened = Promise.withResolvers<Codec<Records>>()
    const { recorder, written, replies, redactions } = await setUp(opened.promise, 3_000)
    const answer = gzipSync(event({ content: `me@example.com ${' x'.repeat(1_000)}` }) + done)
    expect(answer.length).toBeLessThan(300)
    for (const id of ['a', 'b', 'c']) {
      recorder.on({ kind: 'request', id, request: { ...request, capture: 'redacted' }, body: bytes('{}'), dropped: 0 })
      recorder.on({ kind: 'chunk', id, data: answer, atMs: 1 })
      recorder.on({ kind: 'end', id, end: { ...ended, contentEncoding: 'gzip' } })
    }
    // Each user agent and each answer names one.
    await expect.poll(redactions).toBe(6)
    opened.resolve(codec)
    await recorder.idle()
    const outputs = (await written()).flatMap((value) => ('output' in value ? [value.output.length] : []))
    expect(outputs).toHaveLength(3)
    expect(outputs[0]).toBeGreaterThan(2_000)
    expect(outputs.reduce((sum, length) => sum + length)).toBeLessThanOrEqual(3_000)
    expect(replies.filter(({ kind }) => kind === 'lost')).toEqual([
      { kind: 'lost', what: 'body', of: { exchange: 'b' } },
      { kind: 'lost', what: 'body', of: { exchange: 'c' } },
    ])
  })

  it('waits for a topic that is not there yet; a response never comes before its request', async () => {
    const { transport, recorder, written, replies } = await setUp()
    transport.failNext('send', { error: new TransportError('not yet', { code: 'UNKNOWN_TOPIC', retriable: true }) })
    recorder.on({ kind: 'request', id: 'id', request, body: bytes('{}'), dropped: 0 })
    recorder.on({ kind: 'end', id: 'id', end: unreached })
    await recorder.idle()
    expect((await written()).map((record) => 'attempt_id' in record)).toEqual([false, true])
    expect(replies).toEqual([{ kind: 'settled', id: 'id' }])
  })

  it('counts what can never be sent, and sends the rest of the exchange', async () => {
    const { transport, recorder, written, replies } = await setUp()
    const error = new TransportError('never', { code: 'REFUSED' })
    for (const _ of ['both', 'the request alone']) transport.failNext('send', { error })
    recorder.on({ kind: 'request', id: 'id', request, body: bytes('{}'), dropped: 0 })
    recorder.on({ kind: 'end', id: 'id', end: unreached })
    await recorder.idle()
    expect((await written()).map((record) => 'attempt_id' in record)).toEqual([true])
    expect(replies).toEqual([
      { kind: 'lost', what: 'record', of: { exchange: 'id' } },
      { kind: 'settled', id: 'id' },
    ])
  })

  it('reads answers one after the other: what they unpack to is in memory once', async () => {
    const { recorder, written } = await setUp()
    const large = gzipSync(event({ content: 'x'.repeat(5_000_000) }) + done)
    for (const [id, data, contentEncoding] of [
      ['large', large, 'gzip'],
      ['small', bytes(done), ''],
    ] as const) {
      recorder.on({ kind: 'request', id, request, body: bytes('{}'), dropped: 0 })
      recorder.on({ kind: 'chunk', id, data, atMs: 1 })
      recorder.on({ kind: 'end', id, end: { ...ended, contentEncoding } })
    }
    await recorder.idle()
    const responses = (await written()).filter((record) => 'attempt_id' in record)
    expect(responses.map(({ exchange_id }) => exchange_id)).toEqual(['large', 'small'])
  })

  it('cuts what is larger than a record, and says so', async () => {
    const { record, replies } = await setUp()
    const { request: asked, response } = await record({ body: JSON.stringify({ a: 'x'.repeat(900_000) }) }, [
      [event({ content: 'ж'.repeat(600_000) }), 1],
      [done, 1],
    ])
    expect(asked.body).toHaveLength(0)
    expect(response).toMatchObject({ resolution: 'answered', truncated: true })
    expect(response.output.length).toBeGreaterThan(400_000)
    expect(replies.filter(({ kind }) => kind === 'lost')).toHaveLength(2)
  })
})
