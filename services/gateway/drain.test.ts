import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createDrain, type DrainOptions } from './drain.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

async function setUp(options: Partial<DrainOptions> = {}) {
  const answers: ServerResponse[] = []
  const drain = createDrain()
  const warned: object[] = []
  const log = { ...silent, warn: (fields: object) => void warned.push(fields), child: () => log }
  const server = createServer((_, response) => {
    drain.follow(response)
    answers.push(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const given = { leadMs: 0, withinMs: 10_000, log, named: () => null, stopListening: () => undefined, ...options }
  const run = () => drain.run(server, given)
  return { answers, drain, server, url, run, warned, port: (server.address() as AddressInfo).port }
}

describe('draining', () => {
  it('lets a stream end whole, tells its connection to close, and takes no new one', async () => {
    const { answers, drain, url, run, port, warned } = await setUp()
    const begun = fetch(url)
    await expect.poll(() => answers.length).toBe(1)
    answers[0]?.write('first ')
    const streaming = await begun
    const asking = fetch(url)
    await expect.poll(() => answers.length).toBe(2)
    const stopped = run()
    expect(drain.draining).toBe(true)
    const refused = new Promise((resolve) => connect(port, '127.0.0.1').on('error', resolve))
    expect(await refused).toMatchObject({ code: 'ECONNREFUSED' })
    answers[1]?.end('late')
    const late = await asking
    expect([late.headers.get('connection'), await late.text()]).toEqual(['close', 'late'])
    answers[0]?.write('second ')
    answers[0]?.end('last')
    expect(await streaming.text()).toBe('first second last')
    await stopped
    expect(warned).toEqual([])
  })

  it('cuts off what runs on after its time, and says so with the exchanges that are cut off', async () => {
    const named = () => ({ exchange: 'a' })
    const { answers, url, run, warned } = await setUp({ withinMs: 50, named })
    const begun = fetch(url)
    await expect.poll(() => answers.length).toBe(1)
    answers[0]?.write('endless')
    const streaming = await begun
    await run()
    await expect(streaming.text()).rejects.toThrow()
    expect(warned).toEqual([{ answers: 1, withinMs: 50, exchanges: [{ exchange: 'a' }] }])
  })

  it('still takes connections while it says that it is not ready', async () => {
    const { answers, url, run, drain } = await setUp({ leadMs: 500 })
    const stopped = run()
    expect(drain.draining).toBe(true)
    const asking = fetch(url)
    await expect.poll(() => answers.length).toBe(1)
    answers[0]?.end('served')
    expect(await (await asking).text()).toBe('served')
    await stopped
  })
})
