import { describe, expect, it } from 'vitest'
import type { Progress } from '../domain/events/records.ts'
import { createFrontier } from './frontier.ts'
import { createSnapshotCollector, type GateSnapshot, snapshotRecords } from './gate-snapshot.ts'

const options = { source: 'pairing', exchangePartitions: 2, stallMaxMs: 15_000, behindMaxMs: 5_000 }
const progress = (partition: number, through: number, offsets: Record<string, number> = {}): Progress => ({
  source: 'pairing',
  exchange_partition: partition,
  read_through: through,
  evidence_offsets: offsets,
  planned: 0,
  paired: 0,
  skipped: 0,
  lost: 0,
  tap_drops: 0,
  late: 0,
})

describe('the frontier', () => {
  it('is the slowest partition, and only past evidence that was consumed', () => {
    const frontier = createFrontier(options)
    frontier.onProgress(progress(0, 100), 0)
    expect(frontier.readThroughMs(0)).toBe(0)
    frontier.onProgress(progress(1, 80, { '2': 10 }), 0)
    expect(frontier.readThroughMs(0)).toBe(0)
    frontier.onEvidence(2, 10)
    expect(frontier.readThroughMs(0)).toBe(80)
    frontier.onProgress({ ...progress(1, 500), source: 'judge' }, 0)
    expect(frontier.readThroughMs(0)).toBe(80)
  })

  it('is blind before the first progress, when a partition stalls, and when behind the evidence', () => {
    const frontier = createFrontier(options)
    expect(frontier.blindness(0)).toMatch(/no progress of exchange partition 0/)
    frontier.onProgress(progress(0, 100), 0)
    frontier.onProgress(progress(1, 100), 0)
    expect(frontier.blindness(14_999)).toBeNull()
    expect(frontier.blindness(15_000)).toMatch(/has not advanced for 15000 ms/)
    frontier.onProgress(progress(0, 200), 14_000)
    frontier.onProgress(progress(1, 200, { '0': 5 }), 10_000)
    expect(frontier.blindness(14_999)).toBeNull()
    expect(frontier.blindness(15_000)).not.toBeNull()
  })

  it('does not advance by a progress that says the same again', () => {
    const frontier = createFrontier({ ...options, exchangePartitions: 1 })
    frontier.onProgress(progress(0, 100), 0)
    frontier.onProgress(progress(0, 100), 14_000)
    expect(frontier.blindness(15_000)).not.toBeNull()
  })
})

describe('snapshots', () => {
  const head = (slot: 'a' | 'b') => ({ run: 'run', slot }) as unknown as Omit<GateSnapshot, 'parts' | 'digest'>
  const data = { planHash: 'x'.repeat(1_500_000) } as never

  it('come back whole from their parts', () => {
    const collector = createSnapshotCollector()
    const records = snapshotRecords('t', head('a'), data)
    expect(records.length).toBeGreaterThan(2)
    for (const { key, value } of records) collector.onRecord(key ?? '', value)
    expect(collector.snapshotOf('run')?.data).toEqual(data)
    expect(collector.snapshotOf('other')).toBeNull()
  })

  it('a crash while one is written leaves the former whole', () => {
    const collector = createSnapshotCollector()
    for (const { key, value } of snapshotRecords('t', head('a'), data)) collector.onRecord(key ?? '', value)
    const next = snapshotRecords('t', head('b'), { planHash: 'y' } as never)
    for (const { key, value } of next.slice(0, -1)) collector.onRecord(key ?? '', value)
    expect(collector.snapshotOf('run')?.data).toEqual(data)
  })
})
