import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { Response } from '../../services/domain/events/records.ts'
import { systemClock } from '../../services/platform/lifecycle/clocks.ts'
import { createModelCaller, type Provider } from '../../services/shadow/call-model.ts'
import { admitLeg, calledResponse, type LegTask } from '../../services/shadow/leg-task.ts'
import { type GatewayInMemory, startGatewayInMemory, tenantToken } from './gateway-in-memory.ts'

type Answers = (response: ServerResponse) => void

const event = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ model: 'm-1', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const hello = event({ content: 'Hello there, ' }) + event({ content: 'how are you today?' })
const done = `${event({}, 'stop')}data: [DONE]\n\n`
const usage = { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } }
const said = (message: object, more: object = {}) =>
  JSON.stringify({ model: 'm-1', choices: [{ index: 0, message, finish_reason: 'stop' }], ...more })
const call = { function: { name: 'search', arguments: '{"q":"tea"}' } }
const words = 'long answer '.repeat(800_000)

const json =
  (body: string, status = 200): Answers =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(body)
const stream =
  (body: string, type = 'text/event-stream'): Answers =>
  (response) =>
    void response.writeHead(200, { 'content-type': type }).end(body)
const packed =
  (type: string, body: Uint8Array, encoding = 'gzip'): Answers =>
  (response) =>
    void response.writeHead(200, { 'content-type': type, 'content-encoding': encoding }).end(body)
const brokenOff =
  (type: string, body: string): Answers =>
  (response) => {
    response.writeHead(200, { 'content-type': type })
    response.write(body, () => setTimeout(() => response.destroy(), 50))
  }
const stalled =
  (body: string): Answers =>
  (response) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(body)

const answers: Readonly<Record<string, Answers>> = {
  'an answer': json(said({ content: 'Hello there, how are you today?' }, { usage })),
  'an answer whose usage is not told': json(said({ content: 'Hello there, how are you today?' })),
  'an answer of tool calls alone': json(said({ tool_calls: [call] })),
  'a refusal': json(said({ refusal: 'I cannot help with that.' })),
  'a stream': stream(`${hello}data: ${JSON.stringify({ choices: [], usage })}\n\n${done}`),
  'a stream whose usage is not told': stream(hello + done),
  'a stream whose type is written otherwise': stream(hello + done, 'Text/Event-Stream; charset=utf-8'),
  'an answer that is packed though nobody asked for it': packed(
    'application/json',
    gzipSync(said({ content: 'Hello' })),
  ),
  'a stream that is packed': packed('text/event-stream', gzipSync(hello + done)),
  'an answer in an encoding that nobody knows': packed('application/json', Buffer.from('??'), 'own'),
  'an answer whose packing is damaged': packed(
    'application/json',
    gzipSync(said({ content: 'Hello' })).subarray(0, 30),
  ),
  'no answer': json(''),
  'a page': json('<html>not today</html>'),
  'a list': json('[1, 2]'),
  'a stream without an end': stream(hello),
  'a stream of nothing': stream(''),
  'a stream that breaks off': brokenOff('text/event-stream', hello),
  'a stream that breaks off before its first word': brokenOff('text/event-stream', ': wait\n\n'),
  'an answer that breaks off': brokenOff('application/json', said({ content: 'Hello' }).slice(0, 20)),
  'an error in a stream': stream(`${hello}data: {"error":{"type":"server_error","message":"oh"}}\n\n`),
  'an error with status 200': json('{"error":{"type":"server_error","message":"oh"}}'),
  'too many requests': json('{"error":{"type":"rate_limit_error"}}', 429),
  'a spent quota': json('{"error":{"code":"insufficient_quota"}}', 429),
  'a wrong request': json('{"error":{"type":"invalid_request_error"}}', 400),
  'a broken server': json('<html>oh</html>', 500),
  'an overloaded server': json('', 529),
  'an answer that is too long to be read': json(said({ content: words })),
  'a stream that is too long to be read': stream(event({ content: words.slice(0, 4_000) }).repeat(2_500) + done),
  'a stream with more of a frame than of a text': stream(event({ content: 'a' }).repeat(110_000) + done),
}

/** They end when the time is over. */
const stalling: Readonly<Record<string, Answers>> = {
  'a stream that stalls': stalled(hello),
  'a stream that stalls before its first word': stalled(': wait\n\n'),
}

const asked = {
  model: 'm',
  messages: [
    { role: 'system', content: 'Answer in one short sentence, and be polite.' },
    { role: 'user', content: 'Hello!' },
  ],
}
/** Of the legs that stall; the others have time enough on any machine. */
const stalledMs = 400
const enoughMs = 30_000
const started: GatewayInMemory[] = []

afterEach(async () => {
  for (const gateway of started.splice(0)) await gateway.stop()
})

async function liveLeg(gateway: GatewayInMemory): Promise<Response> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tenantToken}` },
    body: JSON.stringify(asked),
  })
  await answer.arrayBuffer().catch(() => undefined)
  await expect.poll(() => gateway.records.length, { timeout: enoughMs }).toBe(2)
  return gateway.response()
}

async function shadowLeg(gateway: GatewayInMemory, timeoutMs: number): Promise<Response> {
  const variant = { id: 'old', provider: 'o', model: 'm', prompt_version: null, parameters: {} }
  const request = await gateway.request()
  const admitted = admitLeg(request, variant, 'o', { allowed: () => new Set(), promptOf: () => null })
  if (admitted.kind === 'skip') throw new Error(admitted.why)
  const provider = {
    id: 'o',
    baseUrl: gateway.providerUrl,
    api: 'openai',
    operations: new Set(),
    apiKey: null,
  } as Provider
  const { signal } = new AbortController()
  const task = {
    ...admitted,
    exchangeId: 'e',
    arm: 'candidate',
    variant,
    promptVersion: null,
    bodyBytes: request.body.length,
    timeoutMs,
  } as unknown as LegTask
  const caller = createModelCaller({ clock: systemClock, connectionsMax: 1 })
  try {
    const result = await caller.call(provider, { ...admitted, timeoutMs, requestId: 'e', signal })
    return calledResponse(task, provider, result, { inputMicroUsdPerMillion: 1, outputMicroUsdPerMillion: 1 }, 1)
  } finally {
    await caller.stop()
  }
}

/** All that metrics are made of, but for times, of which only is compared whether there is one. */
function whatCounts(response: Response) {
  const { resolution, error_class, status, model_served, output, tool_calls, finish_reason, refusal } = response
  const { input_tokens, output_tokens, cached_tokens, usage_source, truncated, first_token_at } = response
  return {
    ...{ resolution, error_class, status, model_served, output, tool_calls, finish_reason, refusal },
    ...{ input_tokens, output_tokens, cached_tokens, usage_source, truncated },
    began: first_token_at !== null,
  }
}

describe('live and shadow legs that are answered alike are recorded alike', () => {
  it.each([
    ...Object.entries(answers).map(([what, answer]) => [what, answer, enoughMs] as const),
    ...Object.entries(stalling).map(([what, answer]) => [what, answer, stalledMs] as const),
  ])('%s', async (_, answer, timeoutMs) => {
    const gateway = await startGatewayInMemory({ '/v1/chat/completions': answer }, { legTimeoutMs: timeoutMs })
    started.push(gateway)
    const live = whatCounts(await liveLeg(gateway))
    expect(whatCounts(await shadowLeg(gateway, timeoutMs))).toEqual(live)
  })
})
