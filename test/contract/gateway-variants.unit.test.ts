import type { ServerResponse } from 'node:http'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { Split, Variant } from '../../services/domain/events/records.ts'
import { sampleSplit } from '../../services/domain/routing/sample-split.ts'
import {
  type GatewayInMemory,
  providerKey,
  type Script,
  startGatewayInMemory,
  tenantToken,
} from './gateway-in-memory.ts'

const variant = (id: string, more: Partial<Variant> = {}): Variant => {
  return { id, provider: 'o', model: 'm', prompt_version: null, parameters: {}, ...more }
}
const split = (candidate: Variant, baseline = variant('old')): Split =>
  sampleSplit({ route: 'chat', default_variant: baseline.id, variants: [baseline, candidate] })
const prompts = { chat: { v1: { system: 'Be kind.', user: null }, v2: { system: 'Be brief.', user: 'Q: {{input}}' } } }
const answer = {
  model: 'm-2026',
  choices: [{ index: 0, message: { role: 'assistant', content: 'yes' }, finish_reason: 'stop' }],
}

let gateway: GatewayInMemory
afterEach(() => gateway.stop())
const start = async (script: Script, options: Parameters<typeof startGatewayInMemory>[1]) => {
  gateway = await startGatewayInMemory(script, options)
  return new OpenAI({ apiKey: tenantToken, baseURL: `${gateway.url}/v1`, maxRetries: 0 })
}
const messages = [
  { role: 'system' as const, content: 'own' },
  { role: 'user' as const, content: 'hi' },
]
const ask = (client: OpenAI) => client.chat.completions.create({ model: 'asked', temperature: 1, messages })
const sent = () => gateway.calls.map(({ path, body }) => [path, JSON.parse(body) as unknown])

describe('one address serves', () => {
  it('another prompt with the same model', async () => {
    const client = await start(
      { '/v1/chat/completions': answer },
      { prompts, split: split(variant('new', { prompt_version: 'v2' })) },
    )
    await ask(client)
    const changed = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Q: hi' },
    ]
    expect(sent()).toEqual([['/v1/chat/completions', { model: 'm', temperature: 1, messages: changed }]])
    // The record keeps what was asked, and says with which version it was answered.
    const request = await gateway.request()
    expect(JSON.parse(request.body.toString())).toMatchObject({ messages })
    expect(await gateway.response()).toMatchObject({ arm: 'candidate', prompt_version: 'v2', model_requested: 'm' })
  })

  it('another model, parameters and provider with the same prompt', async () => {
    const candidate = variant('new', {
      provider: 'spare',
      model: 'n',
      prompt_version: 'v1',
      parameters: { temperature: 'null', seed: '7' },
    })
    const routing = (baseUrl: string) => ({
      providers: [
        { id: 'o', baseUrl, api: 'openai' as const },
        { id: 'spare', baseUrl: `${baseUrl}/spare`, api: 'openai' as const },
      ],
    })
    const client = await start(
      { '/v1/spare/chat/completions': answer },
      { prompts, routing, split: split(candidate, variant('old', { prompt_version: 'v1' })) },
    )
    await ask(client)
    const changed = [{ role: 'system', content: 'Be kind.' }, messages[1]]
    expect(sent()).toEqual([['/v1/spare/chat/completions', { model: 'n', seed: 7, messages: changed }]])
  })

  it('nothing of a variant whose prompt it does not have: the default answers, outside of the experiment', async () => {
    const client = await start(
      { '/v1/chat/completions': answer },
      { prompts, split: split(variant('new', { prompt_version: 'v9' })) },
    )
    await ask(client)
    expect(await gateway.request()).toMatchObject({ assignment: 'no_split', place: null })
    expect(await gateway.said()).toContain('penstock_gateway_oddities_total{what="variant"} 1')
  })
})

describe('retries', () => {
  const limited =
    (code: number, headers = {}) =>
    (response: ServerResponse) =>
      void response.writeHead(code, headers).end('{"error":{"message":"busy","type":"x"}}')
  const providers = (baseUrl: string, retries: object) => ({
    providers: [
      { id: 'o', baseUrl, api: 'openai' as const },
      { id: 'spare', baseUrl: `${baseUrl}/spare`, api: 'openai' as const, retries },
    ] as never,
  })
  const candidate = split(variant('new', { provider: 'spare' }))
  const paths = () => gateway.calls.map(({ path }) => path)

  it('there are none unless the provider’s settings ask for them', async () => {
    const client = await start({ '/v1/chat/completions': limited(503) }, {})
    await expect(ask(client)).rejects.toMatchObject({ status: 503 })
    expect(paths()).toEqual(['/v1/chat/completions'])
  })

  it('stay with the provider of the arm, and go to its other addresses', async () => {
    const retries = (baseUrl: string) => ({
      max: 2,
      on: ['overloaded', 'connection'],
      fallbackUrls: ['http://127.0.0.1:1/v1', `${baseUrl}/other`],
    })
    const client = await start(
      {
        '/v1/chat/completions': answer,
        '/v1/spare/chat/completions': limited(529),
        '/v1/other/chat/completions': answer,
      },
      { split: candidate, routing: (baseUrl) => providers(baseUrl, retries(baseUrl)) },
    )
    await ask(client)
    expect(paths()).toEqual(['/v1/spare/chat/completions', '/v1/other/chat/completions'])
    expect(await gateway.response()).toMatchObject({ arm: 'candidate', provider: 'spare', resolution: 'answered' })
    for (const why of ['overloaded', 'connection'])
      expect(await gateway.said()).toContain(`penstock_gateway_retries_total{provider="spare",why="${why}"} 1`)
  })

  it('end with what the provider said: the other arm is never asked', async () => {
    const client = await start(
      { '/v1/chat/completions': answer, '/v1/spare/chat/completions': limited(429) },
      {
        split: candidate,
        routing: (baseUrl) => providers(baseUrl, { max: 1, on: ['rate_limited'], fallbackUrls: [] }),
      },
    )
    await expect(ask(client)).rejects.toMatchObject({ status: 429 })
    expect(paths()).toEqual(['/v1/spare/chat/completions', '/v1/spare/chat/completions'])
    expect(await gateway.response()).toMatchObject({
      arm: 'candidate',
      resolution: 'failed',
      error_class: 'rate_limited',
    })
  })

  it('do not wait for a provider that wants a long pause', async () => {
    const client = await start(
      { '/v1/spare/chat/completions': limited(503, { 'retry-after': '60' }) },
      { split: candidate, routing: (baseUrl) => providers(baseUrl, { max: 3, on: ['overloaded'], fallbackUrls: [] }) },
    )
    await expect(ask(client)).rejects.toMatchObject({ status: 503 })
    expect(paths()).toHaveLength(1)
  })
})

describe('the key of a provider', () => {
  it('is in no record, log line or metric, whatever goes wrong', async () => {
    const broken: Script = { '/v1/chat/completions': (response) => void response.destroy() }
    const client = await start(broken, { split: split(variant('new', { provider: 'nobody' })) })
    await expect(ask(client)).rejects.toMatchObject({ status: 502 })
    await expect(client.models.list()).rejects.toMatchObject({ status: 404 })
    await expect(client.embeddings.create({ model: 'm', input: 'x' })).rejects.toMatchObject({ status: 404 })
    expect(gateway.calls.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${providerKey}`))
    await gateway.response().catch(() => undefined)
    const everything = JSON.stringify(gateway.records) + (await gateway.said())
    expect(gateway.records.length).toBeGreaterThan(2)
    expect(everything).not.toContain(providerKey)
    expect(everything).not.toContain(tenantToken)
  })
})
