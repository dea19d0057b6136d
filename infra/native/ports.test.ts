import { createServer } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  choosePorts,
  freePort,
  machinePorts,
  type PortChoice,
  type PortSource,
  parsePorts,
  portNames,
} from './ports.ts'

const nobody = new Set<never>()

function source(busy: readonly number[], random = 0): PortSource {
  return { isFree: async (port) => !busy.includes(port), random: () => random }
}

const earlier: PortChoice = {
  ports: { kafka: 20_100, kafkaController: 20_101, registry: 20_102, redis: 20_103, clickhouse: 20_104 },
  given: [],
}

describe('choosePorts', () => {
  it('picks different free ports below the range of outgoing connections', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.array(fc.integer({ min: 20_000, max: 31_999 }), { maxLength: 50 }),
        async (random, busy) => {
          const { ports, given } = await choosePorts({ given: {}, earlier: null, held: nobody }, source(busy, random))
          const picked = Object.values(ports)
          expect(new Set(picked).size).toBe(portNames.length)
          expect(picked.every((port) => port >= 20_000 && port < 32_000 && !busy.includes(port))).toBe(true)
          expect(given).toEqual([])
        },
      ),
    )
  })

  it('keeps the ports of the last start', async () => {
    expect(await choosePorts({ given: {}, earlier, held: nobody }, source([]))).toEqual(earlier)
  })

  it('replaces a picked port that somebody took meanwhile, and only that', async () => {
    const { ports } = await choosePorts({ given: {}, earlier, held: nobody }, source([20_102]))
    expect(ports).toEqual({ ...earlier.ports, registry: 20_000 })
  })

  it('never moves a port that was asked for, but says that it is taken and how to go on', async () => {
    const asked: PortChoice = { ...earlier, given: ['registry'] }
    const choosing = choosePorts({ given: {}, earlier: asked, held: nobody }, source([20_102]))
    await expect(choosing).rejects.toThrow(/port 20102 for registry is in use.*--ports registry=/)
  })

  it('takes a port held by our own part as it is, although it is not free', async () => {
    const held = new Set(['kafka', 'kafkaController'] as const)
    expect(await choosePorts({ given: {}, earlier, held }, source([20_100, 20_101]))).toEqual(earlier)
  })

  it('refuses to move a part that runs', async () => {
    const choosing = choosePorts({ given: { redis: 9 }, earlier, held: new Set(['redis'] as const) }, source([]))
    await expect(choosing).rejects.toThrow(
      'redis runs on port 20103: run `npm run stack -- down` before moving it to 9',
    )
  })

  it('remembers what was given, and refuses one port for two', async () => {
    const choice = await choosePorts({ given: { kafka: 9092 }, earlier: null, held: nobody }, source([]))
    expect([choice.ports.kafka, choice.given]).toEqual([9092, ['kafka']])
    const twice = choosePorts({ given: { kafka: 9092, redis: 9092 }, earlier: null, held: nobody }, source([]))
    await expect(twice).rejects.toThrow('port 9092 was given twice')
  })

  it('sees a listener of this machine', async () => {
    const server = createServer()
    const port = await new Promise<number>((done) => {
      server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port))
    })
    expect(await machinePorts.isFree(port)).toBe(false)
    await new Promise((done) => server.close(done))
    expect(await machinePorts.isFree(port)).toBe(true)
  })
})

describe('freePort', () => {
  it('gives another port each time, from below those that the kernel gives to outgoing connections, also before anybody listens there', async () => {
    const source: PortSource = { isFree: async (port) => port % 2 === 0, random: () => 0.5 }
    const ports = await Promise.all([0, 1, 2].map(() => freePort(source)))
    ports.push(await freePort(source))
    expect(new Set(ports).size).toBe(4)
    for (const port of ports) expect([port % 2, port >= 20_000, port < 32_000]).toEqual([0, true, true])
  })
})

describe('parsePorts', () => {
  it('reads a list', () => {
    expect(parsePorts(' kafka=9092, redis=6379,')).toEqual({ kafka: 9092, redis: 6379 })
    expect(parsePorts('')).toEqual({})
  })

  it.each([
    ['kafak=9092', '"kafak" is no part; use kafka, kafkaController, registry, redis, clickhouse'],
    ['kafka=0', 'kafka=0 is no port'],
    ['kafka=65536', 'kafka=65536 is no port'],
    ['kafka=x', 'kafka=x is no port'],
    ['kafka', 'kafka= is no port'],
    ['kafka=1.5', 'kafka=1.5 is no port'],
  ])('refuses %s', (text, message) => {
    expect(() => parsePorts(text)).toThrow(message)
  })
})
