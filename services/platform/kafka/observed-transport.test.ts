import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAdminServer } from '../http/admin-server.ts'
import { stuckAfterMs } from '../lifecycle/health.ts'
import { createScope, type OwnedScope } from '../lifecycle/process-scope.ts'
import type { Logger } from '../log/logger.ts'
import { createPrometheusMetrics } from '../metrics/prometheus-metrics.ts'
import type { MemoryGroupConsumer } from './memory-group.ts'
import { MemoryTransport } from './memory-transport.ts'
import { observeTransport } from './observed-transport.ts'
import { behindMaxMs, silentMaxMs } from './reader-watch.ts'
import type { Transport } from './transport.ts'

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const topic = 'things'

class Rig {
  ms = 1_000_000
  readonly clock = { nowMs: () => this.ms, monoMs: () => this.ms }
  readonly broker = new MemoryTransport(this.clock)
  readonly metrics = createPrometheusMetrics()
  readonly scope: OwnedScope
  readonly transport: Transport
  readonly #show: (() => void)[] = []

  constructor(behind: 'unready' | 'noted' = 'unready') {
    const timers = {
      every: (_: number, act: () => void) => {
        this.#show.push(act)
        return () => undefined
      },
      wait: () => Promise.resolve(),
    }
    this.scope = createScope({ log: quiet, metrics: this.metrics, clock: this.clock, timers, deadlineMs: 1_000 })
    this.transport = observeTransport(this.broker, { scope: this.scope, service: 'worker', behind })
  }

  /** Lets time pass in which the broker answers polls. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5_000) {
      this.ms += Math.min(left, 5_000)
      await this.settle()
    }
  }

  async settle(): Promise<void> {
    this.broker.poll()
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    for (const act of this.#show) act()
  }

  join(onBatch: () => Promise<void>) {
    return this.transport.consume({ groupId: 'workers', topics: [topic], onBatch })
  }

  async write(partition = 0): Promise<void> {
    await this.broker
      .producer()
      .then((producer) => producer.send([{ topic, key: null, value: Buffer.from('x'), partition }]))
  }
}

let rig: Rig

beforeEach(async () => {
  rig = new Rig()
  await rig.broker.ensureTopics([{ name: topic, partitions: 2, config: {} }])
})

afterEach(() => rig.scope.stop())

describe('what a service that reads tells of itself', () => {
  it('is not ready before it has read to the ends, and ready from then on', async () => {
    await rig.write()
    rig.broker.stall()
    void rig.join(async () => undefined)
    await rig.settle()
    expect(rig.scope.report()).toMatchObject({
      unlive: [],
      unready: [{ name: 'reading things', why: expect.stringContaining('not yet read to the end') }],
    })
    rig.broker.unstall()
    await rig.pass(5_000)
    expect(rig.scope.report()).toEqual({ unlive: [], unready: [], notes: [] })
    await rig.pass(10 * stuckAfterMs)
    expect(rig.scope.report()).toEqual({ unlive: [], unready: [], notes: [] })
  })

  it('is not ready while it has joined and does not know yet what is its own', async () => {
    const ownedAt = Promise.withResolvers<void>()
    rig.broker.consume = async (options) => {
      void ownedAt.promise.then(() => options.onAssigned?.([]))
      return { crashed: new Promise(() => undefined) } as MemoryGroupConsumer
    }
    await rig.join(async () => undefined)
    expect(rig.scope.report().unready).toEqual([{ name: 'reading things', why: 'its partitions are not known yet' }])
    ownedAt.resolve()
    await rig.settle()
    expect(rig.scope.report().unready).toEqual([])
  })

  it('is ready as a spare member without partitions', async () => {
    await rig.join(async () => undefined)
    await rig.transport.consume({ groupId: 'spare', topics: [], onBatch: async () => undefined })
    await rig.settle()
    expect(rig.scope.report().unready).toEqual([])
  })

  it('is not ready and not to be started anew while the broker is away, however long', async () => {
    await rig.join(async () => undefined)
    await rig.settle()
    rig.broker.stall()
    rig.ms += silentMaxMs
    expect(rig.scope.report().unready).toEqual([
      { name: 'reading things', why: 'nothing heard from the broker for 10 s' },
    ])
    // As the client tells it, attempt by attempt.
    for (let attempt = 0; attempt < 20; attempt += 1) {
      rig.ms += stuckAfterMs - 1
      rig.scope.health.waits('asking for ends', 'connect ECONNREFUSED')
      expect(rig.scope.report().unlive).toEqual([])
    }
    expect(rig.scope.report().unready.map(({ name }) => name)).toEqual(['reading things', 'asking for ends'])
    rig.broker.unstall()
    rig.scope.health.waits('asking for ends', null)
    await rig.settle()
    expect(rig.scope.report()).toEqual({ unlive: [], unready: [], notes: [] })
  })

  it('says that it is behind when it reads and does not come to the end', async () => {
    const release: (() => void)[] = []
    await rig.join(() => new Promise((resolve) => release.push(resolve)))
    await rig.settle()
    await rig.write()
    await rig.settle()
    await rig.write()
    await rig.pass(behindMaxMs)
    expect(rig.scope.report().unready).toEqual([
      { name: 'reading things', why: 'not read to the end for 60 s: things/0 (lag 1)' },
    ])
    for (let turn = 0; turn < 3; turn += 1) {
      for (const done of release.splice(0)) done()
      await rig.settle()
    }
    expect(rig.scope.report().unready).toEqual([])
  })

  it('is to be started anew when what it does with a batch never ends', async () => {
    await rig.join(() => new Promise(() => undefined))
    await rig.settle()
    await rig.write()
    await rig.pass(stuckAfterMs - 5_000)
    expect(rig.scope.report().unlive).toEqual([])
    await rig.pass(10_000)
    expect(rig.scope.report().unlive).toEqual([
      {
        name: 'reading things',
        why: expect.stringMatching(/^no progress for 1\d\d s, and it waits for nothing outside$/),
      },
    ])
  })

  it('is to be started anew when the consumer falls silent without the broker being away, and not while it is paused', async () => {
    const consumer = await rig.join(async () => undefined)
    await rig.settle()
    rig.broker.stall()
    const both = [0, 1].map((partition) => ({ topic, partition }))
    consumer.pause(both)
    rig.ms += stuckAfterMs
    expect(rig.scope.report().unlive).toEqual([])
    consumer.resume(both)
    rig.ms += stuckAfterMs
    expect(rig.scope.report().unlive.map(({ name }) => name)).toEqual(['reading things'])
  })

  it('waits for no word of a partition that was paused in the middle of a batch', async () => {
    const release: (() => void)[] = []
    const consumer = await rig.join(() => new Promise((resolve) => release.push(resolve)))
    await rig.settle()
    await rig.write()
    await rig.settle()
    consumer.pause([0, 1].map((partition) => ({ topic, partition })))
    for (const done of release) done()
    await rig.settle()
    rig.broker.stall()
    rig.ms += stuckAfterMs
    expect(rig.scope.report().unlive).toEqual([])
  })

  it('is to be started anew when a send is never answered', async () => {
    const producer = await rig.transport.producer()
    rig.broker.stall()
    void producer.send([{ topic, key: null, value: Buffer.from('x'), partition: 0 }])
    rig.ms += stuckAfterMs
    expect(rig.scope.report().unlive.map(({ name }) => name)).toEqual(['sending'])
    await rig.settle()
    const text = await rig.metrics.text()
    expect(text).toContain(`penstock_kafka_unacknowledged_records{service="worker",topic="things"} 1`)
    expect(text).toContain(`penstock_kafka_unacknowledged_seconds{service="worker"} ${stuckAfterMs / 1_000}`)
  })

  it('only notes it where the service does its job without', async () => {
    const other = new Rig('noted')
    await other.broker.ensureTopics([{ name: topic, partitions: 1, config: {} }])
    await other.join(async () => undefined)
    await other.settle()
    other.broker.stall()
    other.ms += silentMaxMs
    expect(other.scope.report()).toMatchObject({ unlive: [], unready: [], notes: [{ name: 'reading things' }] })
    await other.scope.stop()
  })

  it('is not ready while it stops, and is let live', async () => {
    await rig.join(() => new Promise(() => undefined))
    await rig.settle()
    await rig.write()
    await rig.pass(2 * stuckAfterMs)
    const stopping = rig.scope.stop()
    expect(rig.scope.report().unlive).toEqual([])
    expect(rig.scope.report().unready[0]).toEqual({ name: 'stopping', why: 'the process ends' })
    await stopping
  })

  it('shows lag by partition while it owns it, and how long delivery takes', async () => {
    const release: (() => void)[] = []
    const consumer = await rig.join(() => new Promise((resolve) => release.push(resolve)))
    await rig.settle()
    await rig.write(1)
    await rig.settle()
    const lag = 'penstock_kafka_lag_records{service="worker",topic="things",partition="1"}'
    expect(await rig.metrics.text()).toContain(`${lag} 1\n`)
    for (const done of release) done()
    await rig.settle()
    const text = await rig.metrics.text()
    expect(text).toContain(`${lag} 0\n`)
    expect(text).toContain('penstock_kafka_delivery_seconds_count{service="worker",topic="things"} 1\n')
    await consumer.stop()
    expect(await rig.metrics.text()).not.toContain(lag)
  })
})

describe('/livez and /readyz', () => {
  it('answer JSON with the reasons by name', async () => {
    const server = await createAdminServer({ port: 0, metrics: rig.metrics, report: () => rig.scope.report() })
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${server.port}${path}`)
      return [answer.status, await answer.json()]
    }
    expect(await ask('/livez')).toEqual([200, { live: true, reasons: [] }])
    expect(await ask('/readyz')).toEqual([200, { ready: true, reasons: [], notes: [] }])
    rig.scope.child('gate').health.ready('sight', () => 'no progress yet')
    rig.scope.child('gateway').health.noting().waits('reading', 'connect ECONNREFUSED')
    rig.scope.health.loop('sweep').begin()
    rig.ms += stuckAfterMs
    expect(await ask('/livez')).toEqual([
      503,
      { live: false, reasons: [{ name: 'sweep', why: 'no progress for 180 s, and it waits for nothing outside' }] },
    ])
    expect(await ask('/readyz')).toEqual([
      503,
      {
        ready: false,
        reasons: [{ name: 'gate/sight', why: 'no progress yet' }],
        notes: [{ name: 'gateway/reading', why: 'connect ECONNREFUSED' }],
      },
    ])
    await server.stop()
  })
})
