import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { type Provider, setUpGateway, split, stopGateways, tokenSha256, variant } from './gateway-under-test.ts'

afterEach(stopGateways)

describe('which model serves', () => {
  const ours = [variant('old'), variant('new', { provider: 'q', parameters: { temperature: '0.5', stop: '["a"]' } })]

  it('the route’s default passes byte for byte', async () => {
    const { p, ask, tapped } = await setUpGateway({ split: split(0, ours) })
    await ask('{"n":1.0,  "model":"asked"}')
    expect(p.calls).toMatchObject([{ body: '{"n":1.0,  "model":"asked"}' }])
    expect(tapped[0]?.request).toMatchObject({ arm: 'baseline', assignment: 'split', provider: 'p', rewrite: null })
  })

  it('another variant is asked by its own model and parameters, all else kept to the digit', async () => {
    const { p, q, ask, tapped } = await setUpGateway({ split: split(100_000, ours) })
    await ask('{"seed":12345678901234567890,"top_p":1.0,"model":"asked","temperature":1}')
    expect(p.calls).toEqual([])
    expect(q.calls.map(({ body }) => body)).toEqual([
      '{"seed":12345678901234567890,"top_p":1.0,"model":"model-new","temperature":0.5,"stop":["a"]}',
    ])
    expect(tapped[0]?.request).toMatchObject({ arm: 'candidate', provider: 'q', place: { candidate_weight: 100_000 } })
  })

  it('a default that the split gives parameters gets them', async () => {
    const { p, ask } = await setUpGateway({
      split: split(0, [variant('old', { parameters: { temperature: '0' } }), variant('new')]),
    })
    await ask('{"model":"model-old"}')
    expect(p.calls.map(({ body }) => body)).toEqual(['{"model":"model-old","temperature":0}'])
  })

  it('a variant of an unknown provider is never booked to another: the split’s default serves, outside of the experiment', async () => {
    const variants = [variant('old', { provider: 'q', model: 'kept' }), variant('new', { provider: 'nobody' })]
    const { p, q, ask, tapped, metrics } = await setUpGateway({ split: split(100_000, variants) })
    expect((await ask()).status).toBe(200)
    expect(p.calls).toEqual([])
    expect(q.calls.map(({ body }) => body)).toEqual(['{"model":"kept","messages":[]}'])
    const outside = { arm: 'baseline', assignment: 'no_split', place: null, provider: 'q' }
    expect(tapped[0]?.request).toMatchObject(outside)
    expect(await metrics.text()).toContain('penstock_gateway_oddities_total{what="variant"} 1')
  })

  it('with no usable variant at all the configured default serves as it would without a split', async () => {
    const { p, ask, tapped } = await setUpGateway({ split: split(100_000, [variant('new', { provider: 'nobody' })]) })
    await ask()
    expect(p.calls.map(({ body }) => body)).toEqual(['{"model":"asked","messages":[]}'])
    expect(tapped[0]?.request).toMatchObject({ assignment: 'no_split', place: null, provider: 'p', rewrite: null })
  })

  it('the variant’s prompt version is the one that was served', async () => {
    const { ask, tapped } = await setUpGateway({
      split: split(100_000, [variant('old'), variant('new', { prompt_version: '2' })]),
    })
    await ask(undefined, { 'x-penstock-prompt-version': '1' })
    expect(tapped[0]?.request).toMatchObject({ promptVersion: '1', servedPromptVersion: '2' })
  })

  it.each(['1.5', '1e99', '-1', 'NaN', ' 7x', '2147483648'])('a turn of %s is none, and counted', async (turn) => {
    const { ask, tapped, metrics } = await setUpGateway()
    await ask(undefined, { 'x-penstock-turn': turn })
    await ask(undefined, { 'x-penstock-turn': '2147483647' })
    expect(tapped.map(({ request }) => request.turn)).toEqual([0, 2_147_483_647])
    expect(await metrics.text()).toContain('penstock_gateway_oddities_total{what="turn"} 1')
  })

  it.each([
    ['no JSON', '<xml/>'],
    ['no object', '[1]'],
    ['not closed', '{"model":'],
    ['nested beyond writing', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('a body that is %s is not sent to a model that it does not name', async (_, body) => {
    const { q, ask, tapped } = await setUpGateway({ split: split(100_000, ours) })
    const response = await ask(body)
    expect([response.status, await response.json()]).toMatchObject([400, { error: { type: 'invalid_request_error' } }])
    expect(q.calls).toEqual([])
    expect(tapped[0]?.end).toMatchObject({ resolution: 'failed', errorClass: 'unreadable_body', status: 400 })
    expect((await ask()).status).toBe(200)
  })
})

describe('a thread of the rewriter that breaks down', () => {
  const ours = split(100_000, [variant('old'), variant('new')])
  /** Breaks at a body that says so, else hands it back. */
  const breakable = `
    const { parentPort } = require('node:worker_threads')
    parentPort.on('message', ({ body }) => {
      if (Buffer.from(body).includes('poison')) throw new Error('poisoned')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      parentPort.postMessage(body)
    })`

  it('is started again; the poison is refused, and what waited before and behind it is served', async () => {
    const startThread = () => new Worker(breakable, { eval: true })
    const { ask, p, tapped, metrics } = await setUpGateway({
      split: ours,
      rewriter: { startThread, atOnceBytesMax: 0 },
    })
    const asked = ['{"first":1}', '{"poison":1}', '{"behind":1}', '{"last":1}']
    const answers = await Promise.all(asked.map((body) => ask(body)))
    expect(answers.map(({ status }) => status)).toEqual([200, 500, 200, 200])
    expect(p.calls.map(({ body }) => body).toSorted()).toEqual(asked.toSpliced(1, 1).toSorted())
    expect(tapped.flatMap(({ end }) => end?.errorClass ?? [])).toEqual(['gateway'])
    expect(await metrics.text()).toContain('penstock_gateway_rewriter_breakdowns_total 1')
  })
})

describe('a thread of the rewriter that is slow to be heard', () => {
  const ours = split(100_000, [variant('old'), variant('new')])
  const asked = Array.from({ length: 8 }, (_, index) => `{"number":${index}}`)

  it('is not asked for a body that is rewritten sooner than it would be heard', async () => {
    const deaf = () => new Worker('setInterval(() => undefined, 1_000)', { eval: true })
    const { ask, p } = await setUpGateway({ split: ours, rewriter: { startThread: deaf } })
    expect((await ask('{"model":"asked"}')).status).toBe(200)
    expect(p.calls.map(({ body }) => body)).toEqual(['{"model":"model-new"}'])
  })

  it('has all bodies that wait, and not one at a time', async () => {
    // Answers nothing before it has them all.
    const patient = `
      const { parentPort } = require('node:worker_threads')
      const bodies = []
      parentPort.on('message', ({ body }) => {
        bodies.push(body)
        if (bodies.length === ${asked.length}) for (const each of bodies) parentPort.postMessage(each)
      })`
    const startThread = () => new Worker(patient, { eval: true })
    const { ask, p } = await setUpGateway({ split: ours, rewriter: { startThread, atOnceBytesMax: 0 } })
    const answers = await Promise.all(asked.map((body) => ask(body)))
    expect(answers.map(({ status }) => status)).toEqual(asked.map(() => 200))
    expect(p.calls.map(({ body }) => body).toSorted()).toEqual(asked)
  })

  it('does not make the candidate look slow: a leg begins when its body is ready', async () => {
    const slowMs = 400
    const slow = `
      const { parentPort } = require('node:worker_threads')
      parentPort.on('message', ({ body }) => setTimeout(() => parentPort.postMessage(body), ${slowMs}))`
    const startThread = () => new Worker(slow, { eval: true })
    const { ask, tapped } = await setUpGateway({ split: ours, rewriter: { startThread, atOnceBytesMax: 0 } })
    await (await ask()).text()
    await expect.poll(() => tapped[0]?.end).not.toBeNull()
    const { startedAtMs, endedAtMs } = tapped[0]?.end ?? { startedAtMs: 0, endedAtMs: 0 }
    const arrivedAtMs = tapped[0]?.request.arrivedAtMs ?? 0
    expect(startedAtMs - arrivedAtMs).toBeGreaterThanOrEqual(slowMs - 5)
    expect(endedAtMs).toBeGreaterThanOrEqual(startedAtMs)
  })
})

describe('how a call ends', () => {
  it('a caller that does not read is cut off when the time is over, and the model is not to blame', async () => {
    const endless: Provider = (response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        response.once('drain', more)
      }
      more()
    }
    const { port, tapped } = await setUpGateway({ behave: endless, config: { legTimeoutMs: 3_000 } })
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    const head =
      'POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer token\r\ncontent-length: 2\r\n\r\n'
    socket.write(`${head}{}`)
    socket.pause()
    const left = { resolution: 'aborted_by_client', errorClass: 'client_stalled', status: 200 }
    await expect.poll(() => tapped[0]?.end, { timeout: 20_000 }).toMatchObject(left)
    socket.destroy()
  })

  it('a model that stops in the middle is to blame, however fast the caller reads', async () => {
    const { ask, tapped } = await setUpGateway({
      behave: (response) => void response.write('data: '),
      config: { legTimeoutMs: 300 },
    })
    await expect((await ask()).text()).rejects.toThrow()
    expect(tapped[0]?.end).toMatchObject({ resolution: 'timed_out', errorClass: 'timeout' })
  })

  it('a silent model, a model that is not there, and a caller that gives up', async () => {
    const silence = await setUpGateway({ behave: () => undefined, config: { legTimeoutMs: 300 } })
    const late = await silence.ask()
    expect([late.status, await late.json()]).toMatchObject([504, { error: { type: 'server_error' } }])
    expect(silence.tapped[0]?.end).toMatchObject({ resolution: 'timed_out', errorClass: 'timeout', status: null })

    const routing = {
      providers: [{ id: 'p', baseUrl: 'http://127.0.0.1:1', api: 'openai' as const }],
      routes: [{ id: 'r', default: { id: 'old', provider: 'p', model: 'm' } }],
      tenants: [{ id: 't', tokenSha256, capture: 'full' as const, segments: {}, passthrough: 'none' as const }],
    }
    const nowhere = await setUpGateway({ config: { routing } })
    expect((await nowhere.ask()).status).toBe(502)
    expect(nowhere.tapped[0]?.end).toMatchObject({ resolution: 'failed', errorClass: 'connection' })

    const slow = await setUpGateway({ behave: () => undefined })
    const controller = new AbortController()
    const { signal } = controller
    const headers = { authorization: 'Bearer token' }
    const url = `http://127.0.0.1:${slow.port}/v1/chat/completions`
    const asking = fetch(url, { method: 'POST', headers, body: '{}', signal }).catch(() => undefined)
    await expect.poll(() => slow.p.calls.length).toBe(1)
    controller.abort()
    await asking
    await expect.poll(() => slow.tapped[0]?.end).toMatchObject({ resolution: 'abandoned', errorClass: null })
  })
})

describe('health', () => {
  it('is ready while it listens, alive to its end, and cuts no stream when it stops', async () => {
    const streams: ServerResponse[] = []
    const { ask, port, stop, tapped } = await setUpGateway({
      behave: (response) => void streams.push(response.writeHead(200, { 'content-type': 'text/event-stream' })),
      config: { drainLeadMs: 300 },
    })
    const health = async (path: string) => (await fetch(`http://127.0.0.1:${port}/-/${path}`)).status
    const asking = ask()
    await expect.poll(() => streams.length).toBe(1)
    streams[0]?.write('data: 1\n\n')
    const response = await asking
    expect([await health('livez'), await health('readyz')]).toEqual([200, 200])
    const stopped = stop()
    expect([await health('livez'), await health('readyz')]).toEqual([200, 503])
    streams[0]?.end('data: [DONE]\n\n')
    expect(await response.text()).toBe('data: 1\n\ndata: [DONE]\n\n')
    await stopped
    expect(tapped[0]?.end).toMatchObject({ resolution: 'answered', status: 200 })
  })
})
