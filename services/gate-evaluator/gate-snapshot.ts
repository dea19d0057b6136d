import { createHash } from 'node:crypto'
import type { Latch } from '../domain/events/records.ts'
import type { RunGateData } from '../domain/gate/run-gate-data.ts'
import type { Verdict } from '../domain/gate/verdict.ts'
import type { GateWord, SnapshotView } from '../domain/rollout/status.ts'
import type { OutRecord } from '../platform/kafka/transport.ts'

/** JSON value of `gate.snapshots.v1` under the run's id: what people may see of the gate now (of the first active wave), and where the rest of its state stands. */
export interface GateSnapshot {
  readonly run: string
  readonly gate: string
  readonly planHash: string
  readonly atMs: number
  readonly view: SnapshotView
  readonly verdict: Verdict
  /** Evidence partition → offset from which a restarted gate must read: the lowest record that has not entered yet. */
  readonly restartAt: Readonly<Record<string, number>>
  /** Evidence partition → offset up to which the state has counted every record; those waiting below it are read again, but counted once. */
  readonly countedTo: Readonly<Record<string, number>>
  /** Latches written so far: a restarted gate repeats the very same record, so that its times stay. */
  readonly latches: readonly Latch[]
  /** The state itself lies in `parts` records under `<run>/<slot>/<index>`; `digest` (SHA-256 of their joined text) proves that they belong together. */
  readonly slot: 'a' | 'b'
  readonly parts: number
  readonly digest: string
}

/**
 * What people may see of another active wave, under `<run>/wave/<wave>`: a record of its own, because verdicts of many waves do not fit into one. The state
 * itself needs none of them.
 */
export function wordRecord(topic: string, run: string, word: GateWord): OutRecord {
  return { topic, key: `${run}/wave/${word.view.wave}`, value: Buffer.from(JSON.stringify({ run, ...word })) }
}

const partCharactersMax = 600_000

/** The records of one snapshot, the head last: a crash in between leaves the former snapshot whole, because slots alternate. */
export function snapshotRecords(
  topic: string,
  head: Omit<GateSnapshot, 'parts' | 'digest'>,
  data: RunGateData,
): readonly OutRecord[] {
  const text = JSON.stringify(data)
  const parts: string[] = []
  for (let from = 0; from < text.length; from += partCharactersMax)
    parts.push(text.slice(from, from + partCharactersMax))
  const snapshot: GateSnapshot = { ...head, parts: parts.length, digest: digestOf(text) }
  return [
    ...parts.map((part, index) => ({ topic, key: `${head.run}/${head.slot}/${index}`, value: Buffer.from(part) })),
    { topic, key: head.run, value: Buffer.from(JSON.stringify(snapshot)) },
  ]
}

/** Collects snapshot records as they are read; the last head of a run whose parts are all there and match is its snapshot. */
export interface SnapshotCollector {
  onRecord(key: string, value: Buffer | null): void
  snapshotOf(run: string): { readonly head: GateSnapshot; readonly data: RunGateData } | null
}

export function createSnapshotCollector(): SnapshotCollector {
  const heads = new Map<string, GateSnapshot>()
  const parts = new Map<string, string>()
  return {
    onRecord(key, value) {
      if (value === null) {
        heads.delete(key)
        parts.delete(key)
      } else if (/\/wave\/[^/]+$/.test(key)) return
      else if (/\/[ab]\/\d+$/.test(key)) parts.set(key, value.toString('utf8'))
      else {
        const head = parsed<GateSnapshot>(value.toString('utf8'))
        if (head !== null) heads.set(key, head)
      }
    },
    snapshotOf(run) {
      const head = heads.get(run)
      if (head === undefined) return null
      const text = Array.from(
        { length: head.parts },
        (_, index) => parts.get(`${run}/${head.slot}/${index}`) ?? '',
      ).join('')
      if (digestOf(text) !== head.digest) return null
      const data = parsed<RunGateData>(text)
      return data === null ? null : { head, data }
    },
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function parsed<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T
  } catch {
    return null
  }
}
