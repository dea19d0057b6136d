import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type Provider, setUpGateway, silentLog, split, stopGateways, variant } from './gateway-under-test.ts'
import { startTap } from './tap.ts'
import type { TapEnd, TapMessage } from './tap-messages.ts'

afterEach(stopGateways)

describe('limits', () => {
  it('refuses a body that finds no room beside those under way, and gives room back', async () => {
    const waiting: ServerResponse[] = []
    const { ask, metrics, p } = await setUpGateway({
      behave: (response) => void waiting.push(response),
      config: { bodiesBytesMax: 10_000 },
    })
    const first = ask('x'.repeat(6_000))
    await expect.poll(() => p.calls.length).toBe(1)
    expect((await ask('x'.repeat(6_000))).status).toBe(503)
    const small = ask('x'.repeat(4_000))
    await expect.poll(() => p.calls.length).toBe(2)
    expect(await metrics.text()).toMatch(/penstock_gateway_body_bytes 10000\n/)
    for (const response of waiting) response.end('{}')
    await Promise.all([first, small].map(async (response) => (await response).text()))
    await expect.poll(() => metrics.text()).toMatch(/penstock_gateway_body_bytes 0\n/)
  })

  it('closes a connection on which nothing moves', async () => {
    const { port } = await setUpGateway({ config: { legTimeoutMs: 100 } })
    const socket = connect(port, '127.0.0.1')
    const closed = new Promise<boolean>((resolve) => socket.on('close', resolve))
    expect(await closed).toBe(false)
  })

  it('keeps an idle connection for longer than what stands before it does, and says so', async () => {
    const { ask } = await setUpGateway({ behave: (response) => void response.end('{}') })
    const { headers } = await ask()
    expect(headers.get('keep-alive')).toBe('timeout=75')
  })

  it('refuses what is more than may be under way, shows it, and still hears the local kill', async () => {
    const waiting: ServerResponse[] = []
    const { port, ask, metrics, p, tapped } = await setUpGateway({
      behave: (response) => void waiting.push(response),
      split: split(100_000, [variant('old'), variant('new')]),
      config: { requestsMax: 1 },
    })
    const first = ask()
    await expect.poll(() => p.calls.length).toBe(1)
    const refused = await ask()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await metrics.text()).toMatch(/penstock_gateway_running_requests 1\n/)
    expect(await metrics.text()).toMatch(/penstock_gateway_requests_limit 1\n/)
    const killed = await fetch(`http://127.0.0.1:${port}/-/kill`, { method: 'POST' })
    expect(await killed.json()).toEqual({ localKill: true })
    waiting[0]?.end('{}')
    await (await first).text()
    await expect.poll(async () => (await metrics.text()).includes('running_requests 0')).toBe(true)
    const second = ask()
    await expect.poll(() => waiting.length).toBe(2)
    waiting[1]?.end('{}')
    await (await second).text()
    expect(tapped.map(({ request }) => request.assignment)).toEqual(['split', 'local_kill'])
  })

  it('refuses a share of the calls at once while its event loop is held up again and again, and none afterwards', async () => {
    const { ask, metrics } = await setUpGateway({ config: { loopHeldMaxMs: 20 } })
    // What calls do to a loop that has more of them than it can serve.
    const hog = setInterval(() => {
      for (const endMs = performance.now() + 100; performance.now() < endMs; );
    }, 1)
    const statuses: number[] = []
    try {
      await expect
        .poll(async () => statuses.push((await ask()).status) && statuses.at(-1), { timeout: 30_000 })
        .toBe(503)
    } finally {
      clearInterval(hog)
    }
    expect(await metrics.text()).toMatch(/penstock_gateway_requests_total{arm="none",outcome="overloaded"} 1\n/)
    await expect.poll(() => metrics.text(), { timeout: 30_000 }).toMatch(/penstock_gateway_admitted_share 1\n/)
    expect((await ask()).status).toBe(200)
  })

  it.each([
    ['head', 'POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx-slow: '],
    [
      'body',
      'POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer token\r\ncontent-length: 1000000\r\n\r\n',
    ],
  ])(
    'a caller that sends the %s of a request byte by byte is cut off, and its place is free again',
    async (_, start) => {
      const { port, metrics, p } = await setUpGateway({ config: { requestTimeoutMs: 200 } })
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
      socket.resume().write(start)
      const trickle = setInterval(() => socket.write('x'), 20)
      await closed
      clearInterval(trickle)
      expect(p.calls).toEqual([])
      await expect.poll(() => metrics.text()).toMatch(/penstock_gateway_running_requests(?: 0|\{\} 0)?\n/)
      expect(await metrics.text()).toContain('outcome="malformed"} 1')
    },
  )

  /** A gateway with a real tap, whose thread takes everything and lets nothing go; `broken`: the answer was broken off before the caller saw an end. */
  async function setUpTapped(behave: Provider, legTimeoutMs = 60_000) {
    let posted = 0
    let end: TapEnd | null = null
    const take = (message: TapMessage) => {
      if (message.kind === 'chunk') posted += message.data.length
      if (message.kind === 'end') end = message.end
    }
    const { ask, metrics } = await setUpGateway({
      behave,
      config: { legTimeoutMs },
      tap: (metrics) =>
        startTap({
          bytesMax: 64_000_000,
          metrics,
          log: silentLog,
          startThread: () => ({ post: take, terminate: async () => undefined }),
        }),
    })
    const response = await ask()
    const chunks: Buffer[] = []
    let broken = false
    try {
      for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk))
    } catch {
      broken = true
    }
    await expect.poll(() => end).not.toBeNull()
    return { body: Buffer.concat(chunks), broken, posted, end, metrics }
  }

  it('an answer of 20 MB passes whole, and the tap keeps a bounded part of it', async () => {
    const whole = Buffer.alloc(20_000_000, '{"a":"long answer"}')
    const { body, broken, posted, end, metrics } = await setUpTapped((response) => void response.end(whole))
    expect([body.equals(whole), broken]).toEqual([true, false])
    expect(posted).toBeGreaterThan(0)
    expect(posted).toBeLessThanOrEqual(8 * 1024 * 1024)
    expect(end).toMatchObject({ resolution: 'answered', truncated: true })
    expect(await metrics.text()).toContain('penstock_tap_drops_total{what="answer"} 1')
  })

  it('a stream of 100,000 events passes whole, and the tap keeps a bounded part of it', async () => {
    const event = `data: {"choices":[{"index":0,"delta":{"content":"${'word '.repeat(20)}"}}]}\n\n`
    const behave: Provider = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      let sent = 0
      const more = () => {
        for (; sent < 100_000; sent += 1) {
          if (!response.write(event)) {
            sent += 1
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    }
    const { body, broken, posted, end, metrics } = await setUpTapped(behave)
    expect([body.length, broken]).toEqual([100_000 * event.length, false])
    expect(posted).toBeLessThanOrEqual(8 * 1024 * 1024)
    expect(end).toMatchObject({ resolution: 'answered', streamed: true, truncated: true })
    expect(await metrics.text()).toContain('penstock_tap_drops_total{what="answer"} 1')
  })

  it('a stream without an end is broken off when its time is over, for caller and model, and the tap says so', async () => {
    const event = `data: {"choices":[{"index":0,"delta":{"content":"${'word '.repeat(40_000)}"}}]}\n\n`
    let cancelled = 0
    // Often enough that no silence ends it, and no faster than the caller reads: that would be laid at its door.
    const endless: Provider = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const sending = setInterval(() => response.write(event), 10)
      response.on('close', () => {
        clearInterval(sending)
        cancelled += 1
      })
    }
    const { body, broken, posted, end, metrics } = await setUpTapped(endless, 3_000)
    expect(broken).toBe(true)
    expect(end).toMatchObject({ resolution: 'timed_out', errorClass: 'timeout', status: 200, streamed: true })
    await expect.poll(() => cancelled).toBe(1)
    // The caller was passed more than the tap may keep of one answer.
    expect(body.length).toBeGreaterThan(8 * 1024 * 1024)
    expect(posted).toBeLessThanOrEqual(8 * 1024 * 1024)
    expect(end).toMatchObject({ truncated: true })
    await expect.poll(() => metrics.text()).toMatch(/penstock_gateway_running_requests 0\n/)
  }, 20_000)
})
