import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Command, Decision, Records, Split } from '../domain/events/records.ts'
import type { Run } from '../domain/rollout/run.ts'
import { readRun } from '../domain/rollout/run-document.ts'
import {
  ackOf,
  applyCommand,
  command,
  killOf,
  latchOf,
  shortSpec,
  verdictCommand,
  verdictOf,
} from '../domain/rollout/sample-run.ts'
import { topics } from '../flow.ts'
import { createHealth } from '../platform/lifecycle/health.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { systemTimers } from '../platform/lifecycle/timers.ts'
import type { Codec, Decoded } from '../platform/registry/codec.ts'
import { LogFake } from './log-fake.ts'
import { startController } from './start-controller.ts'

/** Names and JSON instead of Avro: what the controller does with records does not depend on their bytes. */
const codec: Codec<Records> = {
  encode: (name, value) => Buffer.from(JSON.stringify({ name, value })),
  decode(value): Decoded<Records> {
    const text = Buffer.from(value).toString()
    if (!text.startsWith('{')) return { kind: 'bad', code: 'NOT_CONFLUENT', reason: 'garbage' }
    return { kind: 'record', schemaId: 1, ...JSON.parse(text) } as Decoded<Records>
  },
}

interface Instance {
  readonly failures: unknown[]
  /** Why it is not ready. */
  unready(): readonly string[]
  stop(): Promise<void>
}

const running: Instance[] = []
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
}
const nothing = { add: () => undefined, set: () => undefined, remove: () => undefined, observe: () => undefined }

class Clockwork {
  atMs = 1_000_000
  readonly nowMs = (): number => this.atMs
  readonly monoMs = (): number => this.atMs
}

async function start(log: LogFake, clock: Clockwork): Promise<Instance> {
  const stops: (() => Promise<void> | void)[] = []
  const failures: unknown[] = []
  const stopper = new AbortController()
  const health = createHealth(clock)
  const scope: Scope = {
    log: silent,
    metrics: { counter: () => nothing, gauge: () => nothing, histogram: () => nothing, text: async () => '' },
    clock,
    timers: systemTimers,
    signal: stopper.signal,
    async use(_, open) {
      const resource = await open()
      stops.push(() => resource.stop())
      return resource
    },
    onStop: (_, stop) => void stops.push(stop),
    fail: (cause) => void failures.push(cause),
    health,
    child: () => scope,
  }
  await startController(scope, { groupId: 'controllers', tickMs: 60_000, commandsMax: 50 }, { transport: log, codec })
  const instance: Instance = {
    failures,
    unready: () => health.report().unready.map(({ why }) => why),
    async stop() {
      stopper.abort()
      for (const stop of stops.reverse()) await stop()
    },
  }
  running.push(instance)
  return instance
}

afterEach(async () => {
  for (const instance of running.splice(0)) await instance.stop()
})

/** Until nothing moves any more. */
async function settle(log: LogFake): Promise<void> {
  for (let idle = 0; idle < 3; ) {
    const before = log.transactions
    log.notify()
    await new Promise((resolve) => setImmediate(resolve))
    idle = log.transactions === before ? idle + 1 : 0
  }
}

function values<T>(log: LogFake, topic: string): T[] {
  return log.of(topic).map((record) => JSON.parse(record.value?.toString() ?? 'null').value)
}

const splits = (log: LogFake): Split[] => values(log, topics.splits.name)
const decisions = (log: LogFake): Decision[] => values(log, topics.decisions.name)

function runNow(log: LogFake, id = 'run-1'): Run {
  const last = log
    .of(topics.runs.name)
    .filter((record) => record.key === id)
    .at(-1)
  const run = readRun(last?.value?.toString() ?? '')
  if (run === null) throw new TypeError(`no run ${id}`)
  return run
}

async function tell(log: LogFake, ...commands: Command[]): Promise<void> {
  for (const item of commands)
    log.append({ topic: topics.commands.name, key: item.run, value: codec.encode('Command', item) })
  await settle(log)
}

async function ack(log: LogFake, id = 'run-1'): Promise<void> {
  log.append({
    topic: topics.acks.name,
    key: 'gateway-1',
    value: codec.encode('Ack', ackOf(runNow(log, id), 'gateway-1')),
  })
  await settle(log)
}

async function brake(log: LogFake, id: string): Promise<void> {
  log.append({
    topic: topics.brakes.name,
    key: `chat/latch/${id}`,
    value: codec.encode('Latch', latchOf(runNow(log), id)),
  })
  await settle(log)
}

describe('one controller', () => {
  it('takes a run from apply to a latch: one transaction holds offset, state, decision and split', async () => {
    const log = new LogFake()
    await start(log, new Clockwork())
    await tell(log, applyCommand('run-1', shortSpec()))
    expect(splits(log)).toMatchObject([{ epoch: 1, run: 'run-1' }])
    await ack(log)
    expect(runNow(log).state).toMatchObject({ phase: 'shadow', acked: ['gateway-1'], reasonCode: 'STAGE_STARTED' })
    await tell(log, command('run-1', 'promote'))
    expect(splits(log).at(-1)?.rules).toMatchObject([{ candidate_weight: 10_000 }])
    await brake(log, 'l1')
    expect(runNow(log).state.phase).toBe('rolled_back')
    expect(splits(log).at(-1)?.rules).toMatchObject([{ candidate_weight: 0 }])
    expect(decisions(log).map((decision) => decision.to_phase)).toEqual([
      'draft',
      'shadow',
      'shadow',
      'canary',
      'rolled_back',
    ])
    expect(log.committed.get('controllers/rollout.commands.v1')).toBe(2)
  })

  it('puts poison into dead letters and goes on behind it', async () => {
    const log = new LogFake()
    await start(log, new Clockwork())
    log.append({ topic: topics.commands.name, key: 'run-1', value: Buffer.from([1, 2, 3]) })
    log.append({ topic: topics.commands.name, key: 'run-1', value: codec.encode('Kill', killOf('k1')) })
    log.append({ topic: topics.runs.name, key: 'run-0', value: Buffer.from('{}') })
    log.append({ topic: topics.brakes.name, key: 'x', value: Buffer.from('zzz') })
    await tell(log, command('', 'hold'), command('run-9', 'hold'), applyCommand('run-1', shortSpec()))
    expect(values<{ code: string }>(log, topics.deadLetters.name).map((letter) => letter.code)).toEqual([
      'NOT_CONFLUENT',
      'FOREIGN_RECORD',
      'INVALID_VALUE',
    ])
    expect(decisions(log)[0]).toMatchObject({ run: 'run-9', to_phase: 'none' })
    expect(runNow(log).state.phase).toBe('shadow')
  })

  it('lets one of two applies in one batch have the route', async () => {
    const log = new LogFake()
    await start(log, new Clockwork())
    await tell(log, applyCommand('run-1', shortSpec()), applyCommand('run-2', shortSpec()))
    expect(new Set(log.of(topics.runs.name).map((record) => record.key))).toEqual(new Set(['run-1']))
    expect(decisions(log)[1]?.reason).toContain('one run at a time')
  })

  it('holds a kill, and a command that comes with it does not overtake it', async () => {
    const log = new LogFake()
    await start(log, new Clockwork())
    await tell(log, applyCommand('run-1', shortSpec()))
    await ack(log)
    log.append({
      topic: topics.brakes.name,
      key: '*/kill/k1',
      value: codec.encode('Kill', killOf('k1', { route: '*' })),
    })
    await tell(log, command('run-1', 'promote'))
    expect(runNow(log).state).toMatchObject({ phase: 'held', killed: true })
    expect(splits(log).every((split) => split.rules.every((rule) => rule.candidate_weight === 0))).toBe(true)
  })
})

describe('restarts and faults', () => {
  it('goes on where it was, and hears of the brake that came while it was away', async () => {
    const log = new LogFake()
    const first = await start(log, new Clockwork())
    await tell(log, applyCommand('run-1', shortSpec()))
    await ack(log)
    await tell(log, command('run-1', 'promote'))
    await first.stop()
    await brake(log, 'l1')
    expect(runNow(log).state.phase).toBe('canary')
    await start(log, new Clockwork())
    await settle(log)
    expect(runNow(log).state.phase).toBe('rolled_back')
    expect(splits(log).map((split) => split.epoch)).toEqual([1, 2, 3])
  })

  it('a second controller fences the first, which writes nothing more', async () => {
    const log = new LogFake()
    const clock = new Clockwork()
    const first = await start(log, clock)
    await tell(log, applyCommand('run-1', shortSpec()))
    await start(log, clock)
    await ack(log)
    await tell(log, command('run-1', 'promote'))
    expect(decisions(log).map((decision) => decision.id)).toEqual([
      ...new Set(decisions(log).map((decision) => decision.id)),
    ])
    expect(splits(log).map((split) => split.epoch)).toEqual([1, 2])
    expect(first.failures).toEqual([])
    clock.atMs += 20_000
    await tell(log, command('run-1', 'hold'))
    expect(runNow(log).state.phase).toBe('held')
  })

  it('two drafts of two controllers: the one that stands first on the log gets the route', async () => {
    const log = new LogFake()
    const seed = new LogFake()
    await start(seed, new Clockwork())
    await tell(seed, applyCommand('run-1', shortSpec()))
    const draft = seed.of(topics.runs.name)[0]
    for (const id of ['run-2', 'run-1']) {
      const run = { ...JSON.parse(draft?.value?.toString() ?? ''), id }
      log.append({
        topic: topics.runs.name,
        key: id,
        value: Buffer.from(JSON.stringify(run)),
        headers: draft?.headers ?? {},
      })
    }
    await start(log, new Clockwork())
    await settle(log)
    expect(runNow(log, 'run-2').state.phase).toBe('shadow')
    expect(runNow(log, 'run-1').state).toMatchObject({ phase: 'aborted', reasonCode: 'ROUTE_BUSY' })
    expect(splits(log).map((split) => split.run)).toEqual(['run-2'])
  })

  it('that may take over and not write says so, pauses between its tries, and goes on once it may', async () => {
    const log = new LogFake()
    const instance = await start(log, new Clockwork())
    log.readOnly = true
    await tell(log, applyCommand('run-1', shortSpec(), { id: 'a' }))
    await expect.poll(() => instance.unready().join()).toContain('may not write')
    await delay(300)
    expect(log.refused).toBeLessThanOrEqual(3)
    log.readOnly = false
    await expect.poll(() => decisions(log).length, { timeout: 10_000 }).toBeGreaterThan(0)
    await expect.poll(instance.unready).toEqual([])
    expect(instance.failures).toEqual([])
  })

  it('a refused command of no run has one decision, although its transaction was not answered, and although it is given once more', async () => {
    for (const item of [applyCommand('run-2', shortSpec(), { id: 'a' }), command('nobody', 'hold', { id: 'b' })]) {
      const log = new LogFake()
      const clock = new Clockwork()
      const first = await start(log, clock)
      const kill = killOf('k1')
      log.append({ topic: topics.brakes.name, key: 'chat/kill/k1', value: codec.encode('Kill', kill) })
      await settle(log)
      log.fault = 'after'
      await tell(log, item)
      expect(decisions(log)).toMatchObject([{ from_phase: 'none', to_phase: 'none' }])
      await first.stop()
      log.committed.clear()
      await start(log, clock)
      await settle(log)
      expect(decisions(log)).toHaveLength(1)
      expect(log.committed.get('controllers/rollout.commands.v1')).toBe(1)
    }
  })

  it('whatever transaction breaks, before or after it is written, the run ends the same', async () => {
    const outcome = async (faults: readonly ('before' | 'after' | 'restart' | null)[]) => {
      const log = new LogFake()
      const clock = new Clockwork()
      let instance = await start(log, clock)
      const steps: (() => Promise<void>)[] = [
        () => tell(log, applyCommand('run-1', shortSpec(), { id: 'a' })),
        () => ack(log),
        () => tell(log, verdictCommand(runNow(log), verdictOf('calibrated'), { id: 'b' })),
        () => tell(log, command('run-1', 'promote', { id: 'c' })),
        () => ack(log),
        () => tell(log, command('run-1', 'hold', { id: 'd' }), command('run-1', 'resume', { id: 'e' })),
        () => brake(log, 'l1'),
      ]
      for (const [index, step] of steps.entries()) {
        const fault = faults[index] ?? null
        if (fault === 'restart') {
          await instance.stop()
          instance = await start(log, clock)
        } else log.fault = fault
        await step()
      }
      await instance.stop()
      const { revision: _, lastRevert: __, ...state } = runNow(log).state
      return {
        state,
        splits: splits(log).map(({ epoch, rules }) => ({ epoch, rules })),
        decided: decisions(log).map((decision) => `${decision.from_phase}>${decision.to_phase}`),
      }
    }
    const expected = await outcome([])
    expect(expected.state.phase).toBe('rolled_back')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('before', 'after', 'restart', null), { minLength: 7, maxLength: 7 }),
        async (faults) => {
          expect(await outcome(faults)).toEqual(expected)
        },
      ),
      { numRuns: 60, seed: 11 },
    )
  })
})
