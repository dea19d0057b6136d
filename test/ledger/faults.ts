import { setTimeout as delay } from 'node:timers/promises'
import type { Stack } from '../../infra/native/stack.ts'
import type { PartName } from '../../infra/native/state.ts'
import type { TestInstallation } from '../support/service-installation.ts'
import type { BrokerDisk } from './broker-disk.ts'
import { type Deed, killedParts } from './schedule.ts'

/** What was really done, as often as it was. */
export interface Done {
  readonly counts: Readonly<Record<string, number>>
  /** When each gateway that was killed was dead. */
  readonly gatewayDeadAtMs: readonly number[]
  readonly storeAwayMs: number
}

export interface Faults {
  /** Resolves when every deed is done and everything runs again. */
  readonly done: Promise<Done>
}

export interface Struck {
  readonly stack: Stack
  readonly penstock: TestInstallation
  /** Or why the broker has no disk of its own. */
  readonly disk: BrokerDisk | string
  note(what: string): void
}

const triesMax = 5
/** How long a broker may take to see that its disk is full. */
const noticeWithinMs = 60_000

/** Does each deed at its time; deeds on the same target follow one another. */
export function startFaults(deeds: readonly Deed[], struck: Struck): Faults {
  const doer = new Doer(struck)
  const beganMs = performance.now()
  const work = deeds.map(async (deed) => {
    await delay(Math.max(0, beganMs + deed.atMs - performance.now()))
    await doer.inTurn(deed)
  })
  return { done: Promise.all(work).then(() => doer.result()) }
}

class Doer {
  readonly #struck: Struck
  readonly #counts = new Map<string, number>()
  readonly #turns = new Map<string, Promise<void>>()
  readonly #gatewayDeaths: number[] = []
  #storeAwayMs = 0

  constructor(struck: Struck) {
    this.#struck = struck
  }

  inTurn(deed: Deed): Promise<void> {
    const target = targetOf(deed)
    const turn = (this.#turns.get(target) ?? Promise.resolve()).then(() => this.#do(deed))
    this.#turns.set(target, turn)
    return turn
  }

  result(): Done {
    return {
      counts: Object.fromEntries(this.#counts),
      gatewayDeadAtMs: this.#gatewayDeaths,
      storeAwayMs: this.#storeAwayMs,
    }
  }

  async #do(deed: Deed): Promise<void> {
    const { disk, note } = this.#struck
    switch (deed.kind) {
      case 'kill':
        return this.#kill(deed)
      case 'join':
        return this.#join(deed)
      case 'store-away': {
        const beganMs = performance.now()
        note('the store is away')
        await this.#awayPart('clickhouse', 'kill', deed.forMs)
        this.#storeAwayMs += performance.now() - beganMs
        return this.#count('store away')
      }
      case 'disk-full':
        if (typeof disk === 'string') return note(`the disk of the broker is not filled: ${disk}`)
        return this.#fill(disk, deed.forMs)
      default:
        note(`the broker is ${deed.kind === 'broker-kill' ? 'killed' : 'stopped'}`)
        await this.#awayPart('kafka', deed.kind === 'broker-kill' ? 'kill' : 'stop', deed.forMs)
        return this.#count(deed.kind === 'broker-kill' ? 'broker killed' : 'broker stopped')
    }
  }

  async #kill({ target, forMs }: Extract<Deed, { kind: 'kill' }>): Promise<void> {
    const { penstock } = this.#struck
    if (isPart(target)) await this.#awayPart(target, 'kill', forMs)
    else {
      const deadAtMs = await penstock.killFor(target, forMs)
      if (target === 'gateway') this.#gatewayDeaths.push(deadAtMs)
    }
    this.#count(`${target} killed`)
  }

  async #join({ target, leaves, forMs }: Extract<Deed, { kind: 'join' }>): Promise<void> {
    const second = await this.#struck.penstock.join(target)
    await delay(forMs)
    // It may have ended by itself; then no rebalance was forced by its leaving.
    const ran = second.running
    await (leaves === 'asked' ? second.stop() : second.kill())
    this.#count(ran ? `second ${target} joined and left` : `second ${target} ended by itself`)
  }

  /** The broker notices by itself that it cannot write, and ends, as it must: nothing may be acknowledged that is not kept. */
  async #fill(disk: BrokerDisk, forMs: number): Promise<void> {
    const { stack, note } = this.#struck
    note('the disk of the broker is full')
    disk.fill()
    const untilMs = performance.now() + noticeWithinMs
    while (performance.now() < untilMs && (await stack.status()).kafka.condition !== 'stopped') await delay(250)
    const ended = (await stack.status()).kafka.condition === 'stopped'
    await delay(forMs)
    disk.free()
    if (!ended) await this.#insist('kafka could not be ended', () => stack.kill('kafka'))
    await this.#start('kafka')
    this.#count(ended ? 'disk of the broker full: it ended' : 'disk of the broker full: it went on')
  }

  async #awayPart(name: PartName, how: 'kill' | 'stop', forMs: number): Promise<void> {
    const { stack } = this.#struck
    await this.#insist(`${name} could not be ended`, () => (how === 'kill' ? stack.kill(name) : stack.stop(name)))
    await delay(forMs)
    await this.#start(name)
  }

  #start(name: PartName): Promise<void> {
    return this.#insist(`${name} did not start`, () => this.#struck.stack.start(name))
  }

  /** On a busy machine a part does not come up in time, and the next waits for it too long: tried again, as a supervisor would. */
  async #insist(failure: string, act: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await act()
      } catch (error) {
        if (tries >= triesMax) throw error
        this.#struck.note(`${failure}: ${(error as Error).message.split('\n')[0]}`)
        this.#count(`${failure} at once`)
      }
    }
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }
}

function targetOf(deed: Deed): string {
  switch (deed.kind) {
    case 'kill':
      return deed.target
    case 'join':
      return `second ${deed.target}`
    case 'store-away':
      return 'clickhouse'
    default:
      return 'kafka'
  }
}

function isPart(target: string): target is (typeof killedParts)[number] {
  return (killedParts as readonly string[]).includes(target)
}
