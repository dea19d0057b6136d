import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Command, Decision, Split } from '../../services/domain/events/records.ts'
import type { Run } from '../../services/domain/rollout/run.ts'
import { readRun, writeRun } from '../../services/domain/rollout/run-document.ts'
import { ackOf, applyCommand, command, latchOf, shortSpec } from '../../services/domain/rollout/sample-run.ts'
import { topics } from '../../services/flow.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import type { Producer, Reader, Transport } from '../../services/platform/kafka/transport.ts'
import { testServers } from '../support/stack.ts'
import { placeCodec } from './controller-process.ts'

// The test stack's addresses, as `npm run stack -- up --json` prints them; provided by the global setup.
const { brokers } = testServers().kafka
const codec = placeCodec()
const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
}

/** A prefix of its own per test: nothing is shared but the broker. */
class Bench {
  readonly prefix = `controller-${randomUUID().slice(0, 8)}-`
  readonly transport: Transport = createKafkajsTransport({
    clientId: 'bench',
    brokers,
    topicPrefix: this.prefix,
    log: quiet,
  })
  readonly splits: Split[] = []
  readonly decisions: Decision[] = []
  readonly runs = new Map<string, Run>()
  readonly children: ChildProcess[] = []
  #readers: Reader[] = []
  #producer: Producer | null = null

  async open(): Promise<void> {
    const used = [
      topics.commands,
      topics.runs,
      topics.splits,
      topics.brakes,
      topics.acks,
      topics.decisions,
      topics.deadLetters,
    ]
    await this.transport.ensureTopics(used.map(({ name, partitions }) => ({ name, partitions, config: {} })))
    this.#producer = await this.transport.producer()
    for (const topic of [topics.runs.name, topics.splits.name, topics.decisions.name]) {
      const reader = await this.transport.read({
        topics: [topic],
        startAt: 'beginning',
        onBatch: async ({ records }) => {
          for (const record of records) if (record.value !== null) this.#take(topic, record.value)
        },
      })
      this.#readers.push(reader)
    }
  }

  #take(topic: string, value: Buffer): void {
    const run = topic === topics.runs.name ? readRun(value.toString()) : null
    if (run !== null) this.runs.set(run.id, run)
    const decoded = topic === topics.runs.name ? null : codec.decode(value)
    if (decoded === null || decoded instanceof Promise || decoded.kind === 'bad') return
    if (decoded.name === 'Split') this.splits.push(decoded.value)
    if (decoded.name === 'Decision') this.decisions.push(decoded.value)
  }

  async controller(): Promise<ChildProcess> {
    const script = new URL('./controller-process.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [script, brokers, this.prefix], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.children.push(child)
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (data: Buffer) => {
        if (data.toString().includes('READY')) resolve()
      })
      child.on('exit', (code) => reject(new Error(`controller ended with ${code}`)))
    })
    return child
  }

  async tell(...commands: readonly Command[]): Promise<void> {
    await this.#producer?.send(
      commands.map((item) => ({ topic: topics.commands.name, key: item.run, value: codec.encode('Command', item) })),
    )
  }

  run(id = 'run-1'): Run {
    const run = this.runs.get(id)
    if (run === undefined) throw new TypeError(`no run ${id} yet`)
    return run
  }

  async ack(): Promise<void> {
    const ack = ackOf(this.run(), 'gateway-1', { applied_at: Date.now(), sent_at: Date.now() })
    await this.#producer?.send([{ topic: topics.acks.name, key: 'gateway-1', value: codec.encode('Ack', ack) }])
  }

  async latch(id: string): Promise<void> {
    await this.#producer?.send([
      { topic: topics.brakes.name, key: `chat/latch/${id}`, value: codec.encode('Latch', latchOf(this.run(), id)) },
    ])
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      if (holds()) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(
      `did not come about: ${what}; runs ${JSON.stringify([...this.runs.values()].map(({ id, state }) => [id, state.phase, state.reason]))}`,
    )
  }

  async close(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL')
    await Promise.all(this.#readers.map((reader) => reader.stop()))
    await this.#producer?.close()
    await this.transport.close()
  }
}

function expectOrdered(bench: Bench): void {
  const epochs = bench.splits.map((split) => split.epoch)
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b))
  const ids = bench.decisions.map((decision) => decision.id)
  expect(ids).toEqual([...new Set(ids)])
}

let bench: Bench
beforeEach(async () => {
  bench = new Bench()
  await bench.open()
})
afterEach(() => bench.close())

describe('controllers on a real broker', () => {
  it('a run in flight goes on after kill -9 at every step, with nothing lost and nothing double', async () => {
    let child = await bench.controller()
    const restart = async (): Promise<void> => {
      child.kill('SIGKILL')
      child = await bench.controller()
    }
    await bench.tell(applyCommand('run-1', shortSpec(), { id: 'c-apply' }))
    await restart()
    await bench.until('shadow', () => bench.runs.get('run-1')?.state.phase === 'shadow')
    await bench.ack()
    await restart()
    await bench.until('stage started', () => bench.run().state.reasonCode === 'STAGE_STARTED')
    await bench.tell(command('run-1', 'promote', { id: 'c-promote' }))
    await restart()
    await bench.until('canary', () => bench.run().state.phase === 'canary')
    child.kill('SIGKILL')
    await bench.latch('l1')
    await bench.controller()
    await bench.until('rolled back', () => bench.run().state.phase === 'rolled_back')
    // One transaction, but three topics, and each is read on its own.
    await bench.until('all of it read', () => bench.splits.length >= 3 && bench.decisions.length >= 5)
    expectOrdered(bench)
    expect(bench.splits.map((split) => split.rules.map((rule) => rule.candidate_weight))).toEqual([[0], [10_000], [0]])
    expect(bench.decisions.map((decision) => decision.to_phase)).toEqual([
      'draft',
      'shadow',
      'shadow',
      'canary',
      'rolled_back',
    ])
  })

  it('what a controller had begun and not committed when it died was never there', async () => {
    const kafka = new Kafka({ clientId: 'dying', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
    const partition = 0
    const dying = kafka.producer({
      transactionalId: `${bench.prefix}controllers-${partition}`,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await dying.connect()
    const transaction = await dying.transaction()
    const first = await bench.controller()
    await bench.tell(applyCommand('run-1', shortSpec()))
    await bench.until('shadow', () => bench.runs.get('run-1')?.state.phase === 'shadow')
    first.kill('SIGKILL')
    const stolen = kafka.producer({
      transactionalId: `${bench.prefix}controllers-${partition}`,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await stolen.connect()
    const half = await stolen.transaction()
    const ghost: Run = { ...bench.run(), state: { ...bench.run().state, phase: 'completed', revision: 999 } }
    const headers = { 'commands-partition': '0' }
    await half.send({
      topic: bench.prefix + topics.runs.name,
      messages: [{ key: 'run-1', value: writeRun(ghost), headers }],
    })
    await half.send({
      topic: bench.prefix + topics.splits.name,
      messages: [{ key: 'chat', value: codec.encode('Split', { ...(bench.splits[0] as Split), epoch: 999 }) }],
    })
    await stolen.disconnect()
    await bench.controller()
    await bench.ack()
    await bench.until('stage started', () => bench.run().state.reasonCode === 'STAGE_STARTED')
    expectOrdered(bench)
    expect(bench.splits.map((split) => split.epoch)).toEqual([1])
    expect(bench.run().state.phase).toBe('shadow')
    await expect(
      transaction.send({ topic: bench.prefix + topics.runs.name, messages: [{ key: 'run-1', value: 'late' }] }),
    ).rejects.toThrow()
    await dying.disconnect()
  })

  it('two controllers share the work; each run has one writer, and one takes over when the other is killed', async () => {
    const one = await bench.controller()
    await bench.controller()
    const inCanary = () => bench.decisions.filter((decision) => decision.to_phase === 'canary')
    const ids = ['run-1', 'run-2', 'run-3', 'run-4', 'run-5', 'run-6']
    await bench.tell(...ids.map((id) => applyCommand(id, shortSpec({ route: `route-of-${id}` }))))
    await bench.until('all in shadow', () => ids.every((id) => bench.runs.get(id)?.state.phase === 'shadow'))
    one.kill('SIGKILL')
    await bench.tell(...ids.map((id) => command(id, 'promote')))
    await bench.until('all in canary', () => ids.every((id) => bench.run(id).state.phase === 'canary'))
    await bench.until('all of it read', () => bench.splits.length >= 12 && inCanary().length >= 6)
    const decided = bench.decisions.map((decision) => decision.id)
    expect(decided).toHaveLength(new Set(decided).size)
    expect(inCanary()).toHaveLength(6)
    expect(bench.splits.map((split) => `${split.route} ${split.epoch}`).sort()).toEqual(
      ids.flatMap((id) => [`route-of-${id} 1`, `route-of-${id} 2`]).sort(),
    )
  })
})
