import { setTimeout as delay } from 'node:timers/promises'
import type { Ack, Command, Kill, Latch, Progress, Records, Split } from '../../../services/domain/events/records.ts'
import { topics } from '../../../services/flow.ts'
import type { Reader, RecordBatch, Transport } from '../../../services/platform/kafka/transport.ts'
import type { Codec } from '../../../services/platform/registry/codec.ts'
import { nowMs } from './now.ts'

/** A record with when its producer sent it and when it was read here, ms since the epoch. */
export interface Heard<T> {
  readonly value: T
  readonly sentMs: number
  readonly readMs: number
}

/** Everything said on the control topics since the log was opened. */
export interface ControlLog {
  readonly latches: readonly Heard<Latch>[]
  readonly kills: readonly Heard<Kill>[]
  readonly commands: readonly Heard<Command>[]
  readonly splits: readonly Heard<Split>[]
  readonly acks: readonly Heard<Ack>[]
  /** May be emptied, so that searches stay short. */
  readonly progress: Heard<Progress>[]
  stop(): Promise<void>
}

export async function openControlLog(transport: Transport, codec: Codec<Records>): Promise<ControlLog> {
  const heard = {
    latches: [] as Heard<Latch>[],
    kills: [] as Heard<Kill>[],
    commands: [] as Heard<Command>[],
    splits: [] as Heard<Split>[],
    acks: [] as Heard<Ack>[],
    progress: [] as Heard<Progress>[],
  }
  const keep = async ({ records }: RecordBatch) => {
    const readMs = nowMs()
    for (const { value, timestampMs: sentMs } of records) {
      const decoded = value === null ? null : await codec.decode(value)
      if (decoded?.kind !== 'record') continue
      const { name } = decoded
      if (name === 'Latch') heard.latches.push({ value: decoded.value, sentMs, readMs })
      else if (name === 'Kill') heard.kills.push({ value: decoded.value, sentMs, readMs })
      else if (name === 'Command') heard.commands.push({ value: decoded.value, sentMs, readMs })
      else if (name === 'Split') heard.splits.push({ value: decoded.value, sentMs, readMs })
      else if (name === 'Ack') heard.acks.push({ value: decoded.value, sentMs, readMs })
      else if (name === 'Progress') heard.progress.push({ value: decoded.value, sentMs, readMs })
    }
  }
  const names = [topics.brakes, topics.commands, topics.splits, topics.acks, topics.progress].map(({ name }) => name)
  const reader: Reader = await transport.read({ topics: names, startAt: 'end', onBatch: keep })
  return {
    ...heard,
    stop: () => reader.stop(),
  }
}

/** Waits until something is found, looking every 5 ms; throws with what was waited for. */
export async function found<T>(what: string, look: () => T | null | undefined, withinMs = 20_000): Promise<T> {
  for (const endMs = performance.now() + withinMs; performance.now() < endMs; await delay(5)) {
    const value = look()
    if (value !== null && value !== undefined) return value
  }
  throw new Error(`never came within ${withinMs / 1_000} s: ${what}`)
}
