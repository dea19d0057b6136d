import type { Clock } from '../../../services/domain/time/clock.ts'
import type { MemoryGroupConsumer } from '../../../services/platform/kafka/memory-group.ts'
import type { MemoryTransport } from '../../../services/platform/kafka/memory-transport.ts'
import type {
  GroupConsumer,
  GroupConsumerOptions,
  Producer,
  Reader,
  ReaderOptions,
  TopicPartition,
  TransactionalProducer,
  Transport,
} from '../../../services/platform/kafka/transport.ts'
import { TransportError } from '../../../services/platform/kafka/transport-error.ts'
import { createScope, type OwnedScope } from '../../../services/platform/lifecycle/process-scope.ts'
import type { Scope } from '../../../services/platform/lifecycle/scope.ts'
import type { Timers } from '../../../services/platform/lifecycle/timers.ts'
import { silentLog } from '../../support/silent-log.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What surrounds a process: the time, the log, and the chance that decides how long an answer takes and what fails. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly transport: MemoryTransport
  /** The broker gives up a member that has been silent for so long. */
  readonly sessionMs: number
  /** ms that one way to the broker takes. */
  latencyMs(): number
  /** Whether the next transaction of that id fails: before anything is written, or after it with the answer lost; null: neither. */
  transactionFault(id: string): 'before' | 'after' | null
}

const restartMs = 500
const nothing = { add() {}, set() {}, remove() {}, observe() {} }
const metrics = { counter: () => nothing, gauge: () => nothing, histogram: () => nothing, text: async () => '' }

export interface Program {
  readonly name: string
  /** How far its wall clock is off. */
  readonly skewMs?: number
  start(scope: Scope, transport: Transport): Promise<void>
}

/**
 * A service as an operating system runs it: it can be killed at any moment (nothing of it is heard again, its memberships end when their session does) and
 * stopped for a while (everything waits, then goes on as if no time had passed). A supervisor starts it anew.
 */
export class VirtualProcess {
  readonly program: Program
  /** Why lives ended that nobody killed. */
  readonly failures: string[] = []
  readonly #around: Surroundings
  #life: Life | null = null

  constructor(program: Program, around: Surroundings) {
    this.program = program
    this.#around = around
  }

  /** Running, and not stopped for a while. */
  get isUp(): boolean {
    return this.#life !== null && !this.#life.isPaused
  }

  boot(): void {
    const life = new Life(this.#around, this.program.skewMs ?? 0)
    this.#life = life
    const ended = (cause: unknown) => {
      if (life.dead || life.stopping) return
      this.failures.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause))
      this.kill()
    }
    void life.scope.failed.then(ended)
    this.program.start(life.scope, life.transport()).catch(ended)
  }

  /** As kill -9; the supervisor starts it again `afterMs` later. */
  kill(afterMs = restartMs): void {
    const life = this.#life
    if (life === null) return
    this.#life = null
    life.die()
    this.#around.time.after(afterMs, () => this.boot())
  }

  /** As SIGSTOP, and SIGCONT `forMs` later. */
  pause(forMs: number): void {
    this.#life?.pause(forMs)
  }
}

interface Membership {
  expelled: boolean
  expel(): void
  rejoin(): void
}

/** One life of a process: everything that reaches it and leaves it goes through here. */
class Life {
  dead = false
  stopping = false
  readonly scope: OwnedScope
  readonly #around: Surroundings
  readonly #bootMs: number
  readonly #memberships = new Set<Membership>()
  readonly #readers = new Set<() => void>()
  /** What waits for the end of a pause. */
  #waiting: (() => void)[] | null = null

  constructor(around: Surroundings, skewMs: number) {
    const { time } = around
    this.#around = around
    this.#bootMs = time.nowMs
    const clock: Clock = { nowMs: () => time.nowMs + skewMs, monoMs: () => time.nowMs - this.#bootMs + 1_000 }
    this.scope = createScope({ log: silentLog, metrics, clock, timers: this.#timers(), deadlineMs: 5_000 })
  }

  get isPaused(): boolean {
    return this.#waiting !== null
  }

  die(): void {
    this.dead = true
    this.#waiting = null
    for (const stop of this.#readers) stop()
    this.#around.time.after(this.#around.sessionMs, () => {
      for (const membership of this.#memberships) membership.expel()
    })
  }

  pause(forMs: number): void {
    if (this.dead || this.#waiting !== null) return
    this.#waiting = []
    const cancel = this.#around.time.after(this.#around.sessionMs, () => {
      if (!this.dead) for (const membership of this.#memberships) membership.expel()
    })
    this.#around.time.after(forMs, () => {
      cancel()
      const waiting = this.#waiting ?? []
      this.#waiting = null
      if (this.dead) return
      for (const act of waiting) act()
      for (const membership of this.#memberships) if (membership.expelled) membership.rejoin()
    })
  }

  transport(): Transport {
    const { transport } = this.#around
    return {
      producer: async (options) => this.#producer(await this.#pass(() => transport.producer(options))),
      transactional: async (id) => this.#transactional(id, await this.#pass(() => transport.transactional(id))),
      consume: (options) => this.#pass(() => this.#consume(options)),
      read: (options) => this.#pass(() => this.#read(options)),
      ensureTopics: (specs) => this.#pass(() => transport.ensureTopics(specs)),
      partitionCount: (topic) => this.#pass(() => transport.partitionCount(topic)),
      endOffsets: (topic) => this.#pass(() => transport.endOffsets(topic)),
      close: async () => undefined,
    }
  }

  /** Now, or when the pause is over; never once it is dead. */
  #alive(act: () => void): void {
    if (this.dead) return
    if (this.#waiting === null) act()
    else this.#waiting.push(() => this.#alive(act))
  }

  #hop(ms: number): Promise<void> {
    return new Promise((resolve) => this.#around.time.after(ms, () => this.#alive(resolve)))
  }

  /** A call: it takes its way there and back, and nobody hears the answer when the process died meanwhile. */
  async #pass<T>(act: () => Promise<T>): Promise<T> {
    await this.#hop(this.#around.latencyMs())
    const answer = await act().then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error
      },
    )
    await this.#hop(this.#around.latencyMs())
    return answer()
  }

  #timers(): Timers {
    const { time } = this.#around
    return {
      every: (periodMs, act) => {
        let cancel = () => {}
        const next = () => {
          cancel = time.after(periodMs, () => {
            this.#alive(() => {
              next()
              act()
            })
          })
        }
        next()
        return () => cancel()
      },
      wait: (ms, signal) =>
        new Promise((resolve, reject) => {
          const abort = () => reject(signal.reason)
          if (signal.aborted) return abort()
          signal.addEventListener('abort', abort, { once: true })
          time.after(ms, () =>
            this.#alive(() => {
              signal.removeEventListener('abort', abort)
              resolve()
            }),
          )
        }),
    }
  }

  #producer(inner: Producer): Producer {
    let line: Promise<unknown> = Promise.resolve()
    return {
      send: (records) => {
        // One after the other on their way there, as one connection carries them.
        const written = line.then(async () => {
          await this.#hop(this.#around.latencyMs())
          return inner.send(records)
        })
        line = written.catch(() => undefined)
        return written.then(async (value) => {
          await this.#hop(this.#around.latencyMs())
          return value
        })
      },
      close: async () => undefined,
    }
  }

  #transactional(id: string, inner: TransactionalProducer): TransactionalProducer {
    return {
      commit: (work) =>
        this.#pass(async () => {
          const fault = this.#around.transactionFault(id)
          const lost = () => new TransportError('connection lost', { code: 'BROKER_AWAY', retriable: true })
          if (fault === 'before') throw lost()
          const written = await inner.commit(work)
          if (fault === 'after') throw lost()
          return written
        }),
      close: async () => undefined,
    }
  }

  /** Hands a delivery to the program; the log is let go when the program has handled it, or when it has lost the right to. */
  #deliver(act: () => Promise<void> | undefined, released: Promise<void>): Promise<void> {
    const handled = new Promise<void>((resolve, reject) => {
      this.#alive(() => {
        Promise.resolve(act()).then(resolve, reject)
      })
    })
    return Promise.race([handled, released])
  }

  #caughtUp(tell: GroupConsumerOptions['onCaughtUp']): NonNullable<GroupConsumerOptions['onCaughtUp']> {
    return (partition, endOffset) => this.#alive(() => tell?.(partition, endOffset))
  }

  async #consume(options: GroupConsumerOptions): Promise<GroupConsumer> {
    const crashed = Promise.withResolvers<never>()
    crashed.promise.catch(() => undefined)
    let owned: readonly TopicPartition[] = []
    let inner: MemoryGroupConsumer
    let changing: Promise<void> = Promise.resolve()
    /** The program hears of one change at a time, as from the transport: of the next when it has dealt with the one before, even if it has lost what that one gave it. */
    const inTurn = (change: () => Promise<void> | undefined | void): Promise<void> => {
      const changed = changing.then(change)
      changing = changed.catch(() => undefined)
      return changed
    }
    const join = async (membership: Membership): Promise<void> => {
      const released = Promise.withResolvers<void>()
      const joining = Promise.withResolvers<MemoryGroupConsumer>()
      membership.expelled = false
      membership.expel = () => {
        if (membership.expelled) return
        membership.expelled = true
        // It may be in the middle of joining, with a call of ours that it waits for.
        released.resolve()
        joining.promise.then((joined) => joined.stop()).catch(() => undefined)
      }
      const joined = await this.#around.transport.consume({
        ...options,
        onBatch: (batch) => this.#deliver(() => options.onBatch(batch), released.promise),
        onCaughtUp: this.#caughtUp((...told) => {
          if (!membership.expelled) options.onCaughtUp?.(...told)
        }),
        onAssigned: (partitions) => {
          owned = [...owned, ...partitions]
          return this.#deliver(() => inTurn(() => options.onAssigned?.(partitions)), released.promise)
        },
        onRevoked: (partitions) => {
          if (membership.expelled) return
          owned = owned.filter((at) => !partitions.some((lost) => isSame(at, lost)))
          this.#alive(() => void inTurn(() => options.onRevoked?.(partitions)))
        },
      })
      inner = joined
      joining.resolve(joined)
      joined.crashed.catch((error: unknown) => this.#alive(() => crashed.reject(error)))
    }
    const membership: Membership = {
      expelled: false,
      expel: () => undefined,
      rejoin: () => {
        const lost = owned
        owned = []
        inTurn(() => {
          if (lost.length > 0) options.onRevoked?.(lost)
        })
          .then(() => join(membership))
          .catch((error: unknown) => crashed.reject(error))
      },
    }
    this.#memberships.add(membership)
    await join(membership)
    return {
      commit: (offsets) => {
        // It carries the membership of the moment it was made in: the coordinator refuses it in any later one.
        const commit = inner.commitOf(offsets)
        return this.#pass(commit)
      },
      pause: (partitions) => inner.pause(partitions),
      resume: (partitions) => inner.resume(partitions),
      assigned: () => inner.assigned(),
      crashed: crashed.promise,
      stop: async () => inner.stop(),
    }
  }

  async #read(options: ReaderOptions): Promise<Reader> {
    const released = Promise.withResolvers<void>()
    const inner = await this.#around.transport.read({
      ...options,
      onBatch: (batch) => this.#deliver(() => options.onBatch(batch), released.promise),
      onCaughtUp: this.#caughtUp(options.onCaughtUp),
    })
    const stop = () => {
      released.resolve()
      void inner.stop()
    }
    this.#readers.add(stop)
    return {
      caughtUp: inner.caughtUp.then(() => this.#hop(0)),
      crashed: inner.crashed,
      stop: async () => {
        this.#readers.delete(stop)
        stop()
      },
    }
  }
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}
