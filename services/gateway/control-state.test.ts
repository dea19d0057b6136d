import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Ack, Kill, Latch, Records, Split } from '../domain/events/records.ts'
import { sampleSplit } from '../domain/routing/sample-split.ts'
import { MemoryTransport } from '../platform/kafka/memory-transport.ts'
import type { Producer } from '../platform/kafka/transport.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { ackEmitter, createAcks } from './acks.ts'
import { type ControlState, createControlState } from './control-state.ts'
import { createKeptControlFile, type KeptControl } from './kept-control.ts'
import { watchKillFile } from './watch-kill-file.ts'

const said: string[] = []
const say = (_: unknown, message: string) => void said.push(message)
const log = { debug: say, info: say, warn: say, error: say, child: () => log }
const dir = mkdtempSync(join(tmpdir(), 'penstock-control-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const clock = { nowMs: () => 7, monoMs: () => 7 }

const split: Split = sampleSplit()
const kill: Kill = { id: 'k', route: '*', by: 'me', reason: '', written_at: 0, released_at: null, min_epoch: {} }
const latch: Latch = {
  id: 'l',
  route: 'r',
  run: 'run',
  wave: null,
  reason: '',
  by: 'gate',
  breached_at: 0,
  written_at: 0,
}

const inMemory = (kept: KeptControl = { splits: {}, latches: {}, kills: {} }) => {
  return { read: () => kept, save: () => undefined, stop: async () => undefined }
}
const asker = { tenant: 't', segments: {}, unit: 'u' }

it('a split is not acked before it is obeyed: the brakes that came with it may not be read yet', () => {
  const acks: Ack[] = []
  const control = createControlState({ clock, file: inMemory() })
  const providers = new Set(['p'])
  const routes = new Set(['r'])
  const emit = (ack: Ack) => void acks.push(ack)
  const { send } = createAcks({ router: 'g', providers, routes, hasPrompt: () => true, control, clock, log, emit })
  control.applySplit('r', split)
  send(true)
  expect(acks).toEqual([])
  expect(control.route('r', asker).assignment).toBe('no_split')
  control.complete()
  send(false)
  expect(acks).toMatchObject([{ epoch: 3, outcome: 'applied' }])
})

describe('what an ack says of brakes', () => {
  const applied = (set: (control: ControlState) => void) => {
    const control = createControlState({ clock, file: inMemory() })
    control.applySplit('r', split)
    control.complete()
    set(control)
    const { brakes } = control.applied('r')
    // What is said and what is done are the same.
    expect(control.route('r', asker).arm).toBe(brakes.length > 0 ? 'baseline' : 'candidate')
    return brakes
  }

  it.each<readonly [string, (control: ControlState) => void, readonly string[]]>([
    ['none', () => undefined, []],
    ['a latch of the run', (control) => control.applyBrake('r/latch/l', { latch }), ['l']],
    ['a latch of another run', (control) => control.applyBrake('x', { latch: { ...latch, run: 'other' } }), []],
    ['a kill', (control) => control.applyBrake('*/kill/k', { kill }), ['k']],
    ['a kill of another route', (control) => control.applyBrake('x', { kill: { ...kill, route: 'q' } }), []],
    ['a released kill', (control) => control.applyBrake('x', { kill: { ...kill, released_at: 1 } }), []],
    [
      'a released kill that still binds this epoch',
      (control) => control.applyBrake('x', { kill: { ...kill, released_at: 1, min_epoch: { r: 3 } } }),
      ['k'],
    ],
    ['the local kill', (control) => control.setLocalKill('hand', true), ['local']],
    [
      'a local kill by hand that the missing file does not lift',
      (control) => {
        control.setLocalKill('hand', true)
        control.setLocalKill('file', false)
      },
      ['local'],
    ],
  ])('%s', (_, set, brakes) => expect(applied(set)).toEqual(brakes))

  it('a latch that a split releases binds no more', () => {
    const brakes = applied((control) => {
      control.applyBrake('r/latch/l', { latch })
      control.applySplit('r', { ...split, epoch: 4, releases: ['l'] })
    })
    expect(brakes).toEqual([])
  })
})

describe('acks', () => {
  const acked = (change: Partial<Split>) => {
    const control = createControlState({ clock, file: inMemory() })
    const whole = { ...split, ...change }
    control.applySplit(whole.route, whole)
    control.complete()
    const acks: Ack[] = []
    const emit = (ack: Ack) => void acks.push(ack)
    const routes = new Set(['r'])
    const hasPrompt = (_: string, version: string | null) => version !== 'lost'
    createAcks({ router: 'gateway', providers: new Set(['p']), routes, hasPrompt, control, clock, log, emit }).send(
      false,
    )
    return acks.map(({ outcome, code, epoch }) => [outcome, code, epoch])
  }

  it('reject a split of which a variant cannot be served', () => {
    expect(acked({})).toEqual([['applied', null, 3]])
    const foreign = split.variants.map((variant) => ({ ...variant, provider: variant.id === 'new' ? 'nobody' : 'p' }))
    expect(acked({ variants: foreign })).toEqual([['rejected', 'UNKNOWN_PROVIDER', 3]])
    const unasked = split.variants.map((variant) => ({ ...variant, prompt_version: 'lost' }))
    expect(acked({ variants: unasked })).toEqual([['rejected', 'UNKNOWN_PROMPT', 3]])
    expect(acked({ default_variant: 'gone' })).toEqual([['rejected', 'UNKNOWN_VARIANT', 3]])
  })

  it('reject a route that nobody can ask for here if the split counts on this router, and pass over those of others', () => {
    expect(acked({ route: 'elsewhere' })).toEqual([['rejected', 'UNKNOWN_ROUTE', 3]])
    expect(acked({ route: 'elsewhere', routers: ['another'] })).toEqual([])
  })

  it('do not pile up while the broker is away: the latest of each route is sent, one at a time', async () => {
    const transport = new MemoryTransport(clock)
    await transport.ensureTopics([{ name: 'control.acks.v1', partitions: 1, config: {} }])
    const inner = await transport.producer()
    const gates: (() => void)[] = []
    const sent: string[] = []
    const producer: Producer = {
      async send(records) {
        sent.push(...records.map(({ value }) => String(value)))
        await new Promise<void>((resolve) => gates.push(resolve))
        return inner.send(records)
      },
      close: async () => undefined,
    }
    const codec = {
      encode: (_: string, ack: Ack) => Buffer.from(`${ack.route} ${ack.epoch}`),
    } as unknown as Codec<Records>
    let opened: Codec<Records> | null = null
    const emit = ackEmitter(producer, () => opened)
    const ack = (route: string, epoch: number) => emit({ router: 'gateway', route, epoch } as Ack)
    ack('a', 1)
    opened = codec
    for (let epoch = 2; epoch < 1_000; epoch += 1) for (const route of ['a', 'b']) ack(route, epoch)
    while (sent.length < 3 || gates.length > 0) {
      gates.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([sent[0], ...sent.slice(1).toSorted()]).toEqual(['a 2', 'a 999', 'b 999'])
  })
})

describe('the kept splits', () => {
  it('are there after a restart, and serve before Kafka has said anything', async () => {
    const path = join(dir, 'deep', 'control.json')
    const file = createKeptControlFile(path, log)
    const control = createControlState({ clock, file })
    expect(control.route('r', asker)).toMatchObject({ assignment: 'no_split' })
    control.applySplit('r', split)
    control.persist()
    control.applyBrake('r/latch/l', { latch })
    control.persist()
    await file.stop()
    const again = createControlState({ clock, file: createKeptControlFile(path, log) })
    expect(again.route('r', asker)).toMatchObject({ assignment: 'latched', variant: 'old' })
  })

  it('a disk that fails costs nothing, is said once, and is written when it is back', async () => {
    const blocked = join(dir, 'blocked')
    writeFileSync(blocked, 'a file where the folder should be')
    const path = join(blocked, 'control.json')
    const file = createKeptControlFile(path, log)
    const control = createControlState({ clock, file })
    said.length = 0
    control.applySplit('r', split)
    control.persist()
    control.complete()
    expect(control.route('r', asker).arm).toBe('candidate')
    await expect.poll(() => said.length).toBe(1)
    rmSync(blocked)
    mkdirSync(blocked)
    await expect.poll(() => existsSync(path), { timeout: 5_000 }).toBe(true)
    await file.stop()
    expect(said).toEqual([
      'splits and brakes not kept on disk; trying again',
      'splits and brakes are kept on disk again',
    ])
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ splits: { r: { epoch: 3 } } })
  })

  it('a broken file is said and not obeyed', () => {
    const path = join(dir, 'broken.json')
    writeFileSync(path, '{"splits":')
    said.length = 0
    expect(createKeptControlFile(path, log).read()).toEqual({ splits: {}, latches: {}, kills: {} })
    expect(said).toHaveLength(1)
  })
})

describe('the kill file', () => {
  it('kills while it exists, from the first look on', async () => {
    const path = join(dir, 'kill')
    writeFileSync(path, '')
    const seen: boolean[] = []
    const watch = await watchKillFile(path, { everyMs: 5, log, onSeen: (exists) => void seen.push(exists) })
    expect(seen).toEqual([true])
    rmSync(path)
    await expect.poll(() => seen.at(-1)).toBe(false)
    writeFileSync(path, '')
    await expect.poll(() => seen.at(-1)).toBe(true)
    await watch.stop()
  })

  it('that cannot be looked at leaves what it said last, and is said once', async () => {
    said.length = 0
    const seen: boolean[] = []
    const path = join(dir, 'x'.repeat(5_000))
    const watch = await watchKillFile(path, { everyMs: 1, log, onSeen: (exists) => void seen.push(exists) })
    await new Promise((resolve) => setTimeout(resolve, 30))
    await watch.stop()
    expect([seen, said]).toEqual([[], ['the kill file cannot be looked at; what it said last holds']])
  })
})
