import { describe, expect, it } from 'vitest'
import { unsecured } from '../platform/kafka/broker-security.ts'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import { startTap, type Tap, tapWorkerThread } from './tap.ts'
import type { TapMessage, TapReply, TapRequest } from './tap-messages.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const log = { ...silent, child: () => log }
const request = { headers: { 'user-agent': 'x'.repeat(100) } } as unknown as TapRequest
const end = {
  resolution: 'answered',
  errorClass: null,
  status: 200,
  streamed: false,
  contentEncoding: '',
  startedAtMs: 0,
  endedAtMs: 1,
  quotaRemaining: null,
} as const

interface Thread {
  readonly messages: TapMessage[]
  reply(reply: TapReply): void
  die(): void
}

function setUp(bytesMax: number): {
  tap: Tap
  threads: Thread[]
  drops(): Promise<string>
  metric(name: string): Promise<string | undefined>
} {
  const threads: Thread[] = []
  const metrics = createPrometheusMetrics()
  const tap = startTap({
    bytesMax,
    metrics,
    log,
    startThread(reply, onGone) {
      const messages: TapMessage[] = []
      threads.push({ messages, reply, die: () => onGone('out of memory') })
      return { post: (message) => void messages.push(message), terminate: async () => undefined }
    },
  })
  const drops = async () =>
    (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('penstock_tap_drops_total{'))
      .join('\n')
  const metric = async (name: string) => (await metrics.text()).split('\n').find((line) => line.startsWith(`${name} `))
  return { tap, threads, drops, metric }
}

const bodiesIn = (thread: Thread | undefined) =>
  thread?.messages.flatMap((message) => (message.kind === 'request' ? [message.body] : [])) ?? []

describe('the byte budget of the tap', () => {
  it('says what it leaves out in the log, once for all of a while, and to whoever asks for a minute', async () => {
    const warned: unknown[] = []
    const each: unknown[] = []
    const noting = {
      ...log,
      warn: (fields: object) => void warned.push(fields),
      debug: (fields: object) => void each.push(fields),
    }
    const startThread = () => ({ post: () => undefined, terminate: async () => undefined })
    const metrics = createPrometheusMetrics()
    const tap = startTap({ bytesMax: 20_000, metrics, log: noting, sayMs: 20, startThread })
    expect(tap.lossesLately()).toBeNull()
    for (let index = 0; index < 10; index += 1) tap.begin(`id-${index}`, request, Buffer.alloc(10_000)).end(end)
    await expect.poll(() => warned).toEqual([{ left_out: 'body 4, exchange 6', exchange: 'id-0' }])
    expect(tap.lossesLately()).toBe('not captured in the last minute: body 4, exchange 6')
    expect(each).toHaveLength(10)
    expect(each).toContainEqual({ exchange: 'id-9', left_out: 'exchange' })
    await expect.poll(() => tap.lossesLately()).toBeNull()
    expect(warned).toHaveLength(1)
  })

  it('leaves out bodies first, then whole exchanges, counts both, and takes up again when room is back', async () => {
    const { tap, threads, drops } = setUp(100_000)
    for (let index = 0; index < 40; index += 1) tap.begin(`id-${index}`, request, Buffer.alloc(10_000)).end(end)
    const bodies = bodiesIn(threads[0])
    expect(bodies.filter((body) => body !== null)).toHaveLength(3)
    expect(bodies.length).toBeLessThan(10)
    expect(bodies.at(-1)).toBeNull()
    expect(await drops()).toContain(`what="body"} ${bodies.length - 3}`)
    expect(await drops()).toContain(`what="exchange"} ${40 - bodies.length}`)

    for (let index = 0; index < bodies.length; index += 1) threads[0]?.reply({ kind: 'settled', id: `id-${index}` })
    tap.begin('late', request, Buffer.alloc(10_000))
    const last = threads[0]?.messages.at(-1)
    expect(last).toMatchObject({ kind: 'request', id: 'late', dropped: 40 - 3 })
    expect(bodiesIn(threads[0]).at(-1)).toHaveLength(10_000)
  })

  it('an exchange that was left out is left out to its end; an answer that no longer fits is marked', () => {
    const { tap, threads } = setUp(29_000)
    const first = tap.begin('a', request, Buffer.alloc(10))
    first.chunk(Buffer.alloc(9_000), 1)
    first.chunk(Buffer.alloc(9_000), 2)
    first.chunk(Buffer.alloc(1), 3)
    first.end(end)
    expect(threads[0]?.messages.map(({ kind }) => kind)).toEqual(['request', 'chunk', 'end'])
    expect(threads[0]?.messages.at(-1)).toMatchObject({ end: { truncated: true } })
    tap.begin('b', request, Buffer.alloc(0))
    const left = tap.begin('c', request, Buffer.alloc(0))
    left.chunk(Buffer.alloc(1), 1)
    left.end(end)
    expect(threads[0]?.messages.filter(({ kind }) => kind !== 'stop' && kind === 'request')).toHaveLength(2)
    expect(threads[0]?.messages.at(-1)).toMatchObject({ kind: 'request', id: 'b' })
  })

  it('leaves the room of others alone, however long one answer goes on, and counts what it is told of streams', async () => {
    const { tap, threads, drops, metric } = setUp(100_000_000)
    const endless = tap.begin('endless', request, Buffer.alloc(10))
    for (let index = 0; index < 40; index += 1) endless.chunk(Buffer.alloc(500_000), index)
    const kept = threads[0]?.messages.map((message) => (message.kind === 'chunk' ? message.data.length : 0)) ?? []
    expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBe(8 * 1024 * 1024)
    expect(await drops()).toBe('penstock_tap_drops_total{what="answer"} 1')
    endless.end(end)
    expect(threads[0]?.messages.at(-1)).toMatchObject({ end: { truncated: true } })
    threads[0]?.reply({ kind: 'irregular', what: ['reordered', 'truncated'] })
    for (const what of ['reordered', 'truncated'])
      expect(await metric(`penstock_tap_irregular_answers_total{what="${what}"}`)).toMatch(/ 1$/)
  })

  it('leaves out a body that fits into no record', () => {
    const { tap, threads } = setUp(10_000_000)
    tap.begin('a', request, Buffer.alloc(900_000))
    expect(bodiesIn(threads[0])).toEqual([null])
  })
})

describe('a tap that breaks down', () => {
  it('costs what it held, counted, and no request: another thread takes over', async () => {
    const { tap, threads, drops, metric } = setUp(100_000)
    const open = tap.begin('a', request, Buffer.alloc(1))
    tap.begin('b', request, Buffer.alloc(1)).end(end)
    threads[0]?.die()
    expect(await drops()).toContain('what="exchange"} 2')
    open.chunk(Buffer.alloc(1), 1)
    open.end(end)
    tap.begin('meanwhile', request, Buffer.alloc(1)).end(end)
    expect(await drops()).toContain('what="exchange"} 3')
    await expect.poll(() => threads.length, { timeout: 5_000 }).toBe(2)
    tap.begin('c', request, Buffer.alloc(1)).end(end)
    expect(threads[1]?.messages.map(({ kind }) => kind)).toEqual(['request', 'end'])
    threads[0]?.reply({ kind: 'settled', id: 'c' })
    expect(await metric('penstock_tap_breakdowns_total')).toBe('penstock_tap_breakdowns_total 1')
  })

  it('is tried again where it cannot even be started', async () => {
    let tries = 0
    const metrics = createPrometheusMetrics()
    const tap = startTap({
      bytesMax: 100_000,
      metrics,
      log,
      startThread() {
        tries += 1
        if (tries === 1) throw new Error('no more threads')
        return { post: () => undefined, terminate: async () => undefined }
      },
    })
    tap.begin('a', request, Buffer.alloc(1)).end(end)
    await expect.poll(() => tries, { timeout: 5_000 }).toBe(2)
    expect(await metrics.text()).toContain('penstock_tap_breakdowns_total 1')
    expect(await metrics.text()).toContain('penstock_tap_drops_total{what="exchange"} 1')
  })

  it('is replaced when it hangs, what it held is counted, and one that answers is let be', async () => {
    const started: { answers: boolean; ended: boolean; pings: number }[] = []
    const metrics = createPrometheusMetrics()
    const tap = startTap({
      bytesMax: 100_000,
      metrics,
      log,
      pingMs: 1,
      startThread(reply) {
        const thread = { answers: started.length > 0, ended: false, pings: 0 }
        started.push(thread)
        return {
          post(message) {
            if (message.kind === 'stop') reply({ kind: 'stopped' })
            if (message.kind !== 'ping') return
            thread.pings += 1
            if (thread.answers) reply({ kind: 'alive' })
          },
          async terminate() {
            thread.ended = true
          },
        }
      },
    })
    tap.begin('a', request, Buffer.alloc(1)).end(end)
    await expect.poll(() => started[1]?.pings, { timeout: 5_000 }).toBeGreaterThan(40)
    expect(started).toMatchObject([{ ended: true, pings: 20 }, { ended: false }])
    expect(await metrics.text()).toContain('penstock_tap_drops_total{what="exchange"} 1')
    expect(await metrics.text()).toContain('penstock_tap_breakdowns_total 1')
    await tap.stop()
  })

  it('is not started again once the gateway stops', async () => {
    const { tap, threads } = setUp(100_000)
    threads[0]?.die()
    await tap.stop()
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(threads).toHaveLength(1)
  })

  it('is a thread for real: one that throws takes nobody with it', async () => {
    const metrics = createPrometheusMetrics()
    const unusable = {
      brokers: null as unknown as string,
      security: unsecured,
      topicPrefix: '',
      registryUrl: '',
      stateDir: '',
    }
    const startThread = tapWorkerThread({ ...unusable, pseudonymKey: 'k', logLevel: 'silent', bytesMax: 1_000_000 })
    const tap = startTap({ bytesMax: 1_000_000, metrics, log, startThread })
    tap.begin('a', request, Buffer.alloc(1)).end(end)
    await expect.poll(() => metrics.text(), { timeout: 15_000 }).toMatch(/penstock_tap_breakdowns_total [2-9]/)
    expect(await metrics.text()).toContain('penstock_tap_drops_total{what="exchange"} 1')
    await tap.stop()
  })

  it('is a thread for real: it answers pings although neither Kafka nor the registry does', async () => {
    const away = {
      brokers: '127.0.0.1:1',
      security: unsecured,
      topicPrefix: '',
      registryUrl: 'http://127.0.0.1:1',
      stateDir: '.none',
    }
    const startThread = tapWorkerThread({ ...away, pseudonymKey: 'k', logLevel: 'silent', bytesMax: 1_000_000 })
    const replies: TapReply[] = []
    const thread = startThread(
      (reply) => replies.push(reply),
      () => undefined,
    )
    thread.post({ kind: 'ping' })
    await expect.poll(() => replies, { timeout: 15_000 }).toEqual([{ kind: 'alive' }])
    await thread.terminate()
  })
})
