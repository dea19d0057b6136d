import type { Progress } from '../domain/events/records.ts'

/**
 * How far the exchanges have been read, as far as this gate can vouch for it: a partition's `read_through` counts only once the gate itself has
 * consumed the evidence that the Progress speaks of.
 */
export interface Frontier {
  onProgress(progress: Progress, monoMs: number): void
  onEvidence(partition: number, nextOffset: number): void
  /** Moves the frontier as far as possible and returns it: broker time in ms, 0 while any partition has not reported. */
  readThroughMs(monoMs: number): number
  /** Why the gate may not vouch for anything now; null when it sees. */
  blindness(monoMs: number): string | null
}

export interface FrontierOptions {
  readonly source: string
  readonly exchangePartitions: number
  /** Longest time without an advance of any partition, ms. */
  readonly stallMaxMs: number
  /** Longest time behind the evidence that a Progress names, ms. */
  readonly behindMaxMs: number
}

interface PartitionState {
  readThroughMs: number
  advancedAtMonoMs: number | null
  readonly waiting: { readonly progress: Progress; readonly receivedMonoMs: number }[]
}

/** Waiting Progress records kept per partition: older ones say less than newer ones, so only the ends matter. */
const waitingMax = 32

export function createFrontier(options: FrontierOptions): Frontier {
  const partitions: PartitionState[] = Array.from({ length: options.exchangePartitions }, () => ({
    readThroughMs: 0,
    advancedAtMonoMs: null,
    waiting: [],
  }))
  const consumed = new Map<number, number>()

  const settle = (state: PartitionState) => {
    for (let first = state.waiting[0]; first !== undefined && isConsumed(first.progress); first = state.waiting[0]) {
      state.waiting.shift()
      if (first.progress.read_through <= state.readThroughMs) continue
      state.readThroughMs = first.progress.read_through
      state.advancedAtMonoMs = first.receivedMonoMs
    }
  }

  const isConsumed = (progress: Progress) =>
    Object.entries(progress.evidence_offsets).every(
      ([partition, offset]) => (consumed.get(Number(partition)) ?? 0) >= offset,
    )

  return {
    onProgress(progress, monoMs) {
      const state = partitions[progress.exchange_partition]
      if (progress.source !== options.source || state === undefined) return
      // When far behind, the second newest is dropped: the oldest decides when the frontier moves, the newest how far.
      if (state.waiting.length >= waitingMax) state.waiting.splice(state.waiting.length - 1, 1)
      state.waiting.push({ progress, receivedMonoMs: monoMs })
      settle(state)
    },
    onEvidence(partition, nextOffset) {
      consumed.set(partition, Math.max(consumed.get(partition) ?? 0, nextOffset))
    },
    readThroughMs() {
      for (const state of partitions) settle(state)
      return Math.min(...partitions.map((state) => state.readThroughMs))
    },
    blindness(monoMs) {
      for (const [partition, state] of partitions.entries()) {
        settle(state)
        if (state.advancedAtMonoMs === null) return `no progress of exchange partition ${partition} yet`
        const stalledMs = monoMs - state.advancedAtMonoMs
        if (stalledMs >= options.stallMaxMs)
          return `exchange partition ${partition} has not advanced for ${Math.round(stalledMs)} ms`
        const behindMs = monoMs - (state.waiting[0]?.receivedMonoMs ?? monoMs)
        if (behindMs >= options.behindMaxMs)
          return `${Math.round(behindMs)} ms behind the evidence of exchange partition ${partition}`
      }
      return null
    },
  }
}
