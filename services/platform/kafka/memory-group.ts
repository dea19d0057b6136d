import type { MemoryPartition } from './memory-log.ts'
import { laneKey, MemoryPump } from './memory-pump.ts'
import type { ConsumedOffset, GroupConsumer, GroupConsumerOptions, TopicPartition } from './transport.ts'

type Placed = TopicPartition & { readonly log: MemoryPartition }

interface Member {
  readonly options: GroupConsumerOptions
  readonly pump: MemoryPump
  /** The generation that this member has joined: commits of any other are refused. Null while a rebalance is under way. */
  generation: number | null
  hasJoined: boolean
}

/** A member that can be asked for a commit now that arrives later: it carries the generation of now. */
export interface MemoryGroupConsumer extends GroupConsumer {
  commitOf(offsets: readonly ConsumedOffset[]): () => Promise<boolean>
}

export interface GroupPorts {
  partitionsOf(topic: string): readonly MemoryPartition[]
  stalled(): boolean
  /** Throws what a commit of offsets shall fail with. */
  beforeCommit(): void
}

/** A consumer group in memory: eager rebalances as kafkajs does them, committed offsets with metadata, fenced commits. */
export class MemoryGroup {
  readonly #ports: GroupPorts
  readonly #members: Member[] = []
  readonly #committed = new Map<string, { readonly offset: number; readonly metadata: string }>()
  #generation = 0
  #line: Promise<void> = Promise.resolve()

  constructor(ports: GroupPorts) {
    this.#ports = ports
  }

  commitOffsets(offsets: readonly ConsumedOffset[]): void {
    for (const offset of offsets)
      this.#committed.set(laneKey(offset), { offset: offset.offset, metadata: offset.metadata ?? '' })
  }

  wake(): void {
    for (const { pump } of this.#members) pump.wake()
  }

  /** Something was appended to the partition with that `laneKey`. */
  wakeAt(key: string): void {
    for (const { pump } of this.#members) pump.wakeAt(key)
  }

  async join(options: GroupConsumerOptions): Promise<MemoryGroupConsumer> {
    const pump = new MemoryPump(options, this.#ports.stalled)
    const member: Member = { options, pump, generation: null, hasJoined: false }
    this.#members.push(member)
    await this.#rebalance()
    const commitOf = (offsets: readonly ConsumedOffset[]) => {
      const { generation } = member
      return async () => this.#commit(pump, generation, offsets)
    }
    return {
      crashed: pump.crashed,
      assigned: () => pump.owned(),
      pause: (partitions) => pump.setPaused(partitions, true),
      resume: (partitions) => pump.setPaused(partitions, false),
      commit: (offsets) => commitOf(offsets)(),
      commitOf,
      stop: async () => {
        const index = this.#members.indexOf(member)
        if (index < 0) return
        await pump.stop()
        this.#members.splice(this.#members.indexOf(member), 1)
        member.generation = null
        await this.#rebalance()
      },
    }
  }

  #commit(pump: MemoryPump, generation: number | null, offsets: readonly ConsumedOffset[]): boolean {
    this.#ports.beforeCommit()
    if (generation !== this.#generation || offsets.some((offset) => !pump.has(offset))) return false
    this.commitOffsets(offsets)
    return true
  }

  #rebalance(): Promise<void> {
    for (const member of this.#members) member.generation = null
    this.#line = this.#line.then(() => this.#reassign())
    return this.#line
  }

  /** No partition is given to anybody before its former owner has finished the batch under way and knows that it is lost. */
  async #reassign(): Promise<void> {
    this.#generation += 1
    const generation = this.#generation
    const members = [...this.#members]
    const topics = [...new Set(members.flatMap(({ options }) => options.topics))]
    const all = topics.flatMap((topic) =>
      this.#ports.partitionsOf(topic).map((log, partition) => ({ topic, partition, log })),
    )
    const wanted = members.map((_, index) => all.filter((_at, at) => at % members.length === index))
    for (const [index, { options, pump }] of members.entries()) {
      await pump.quiet()
      const now = new Set(wanted[index]?.map(laneKey))
      const lost = pump.owned().filter((at) => !now.has(laneKey(at)))
      for (const at of lost) pump.remove(at)
      if (lost.length > 0) options.onRevoked?.(lost)
    }
    for (const [index, member] of members.entries()) {
      try {
        await this.#give(member, wanted[index] ?? [], generation)
      } catch (cause) {
        member.pump.crash(cause)
      }
    }
  }

  async #give(member: Member, wanted: readonly Placed[], generation: number): Promise<void> {
    const gained = wanted.filter((at) => !member.pump.has(at))
    const committed = gained.map(({ topic, partition }) => {
      const known = this.#committed.get(laneKey({ topic, partition }))
      return { topic, partition, committed: known?.offset ?? null, metadata: known?.metadata ?? '' }
    })
    if (gained.length > 0 || !member.hasJoined) await member.options.onAssigned?.(committed)
    member.hasJoined = true
    if (this.#members.includes(member)) member.generation = generation
    for (const [index, { topic, partition, log }] of gained.entries())
      member.pump.add({ topic, partition }, log, committed[index]?.committed ?? 0)
  }
}
