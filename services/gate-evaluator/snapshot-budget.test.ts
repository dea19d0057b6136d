import { describe, expect, it } from 'vitest'
import { ackedRun, startedRun, startMs } from '../domain/rollout/sample-run.ts'
import type { OutRecord } from '../platform/kafka/transport.ts'
import { sampleEvaluator } from './sample-evaluator.ts'

const run = ackedRun(startedRun(), startMs)

/** A gate of so many runs, all of which change before each round of snapshots. */
function setUp(runs: number, snapshotBytesMax: number) {
  const emitted: OutRecord[] = []
  const emit = (records: readonly OutRecord[]) => void emitted.push(...records)
  const evaluator = sampleEvaluator({ snapshotBytesMax, emit })
  /** Runs whose snapshots a round writes, and bytes of it. */
  const round = () => {
    for (let index = 0; index < runs; index += 1) evaluator.onRun({ ...run, id: `run-${index}` })
    evaluator.evaluate()
    emitted.length = 0
    evaluator.snapshot()
    const heads = emitted.flatMap(({ key }) => (key?.includes('/') === false ? [key] : []))
    return { heads, bytes: emitted.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) }
  }
  return { evaluator, round }
}

describe('a run in which nothing is new', () => {
  it('is not judged again while its snapshot waits', () => {
    const { evaluator } = setUp(1, 10_000_000)
    evaluator.onRun(run)
    evaluator.evaluate()
    const first = evaluator.runs.get(run.id)?.judged
    evaluator.evaluate()
    expect(first).toHaveLength(1)
    expect(evaluator.runs.get(run.id)?.judged).toBe(first)
  })
})

describe('snapshots of many runs', () => {
  it('are all written while they fit', () => {
    const { round } = setUp(20, 10_000_000)
    expect(round().heads).toHaveLength(20)
    expect(round().heads).toHaveLength(20)
  })

  it('take turns where they do not, so that a round stays within its bytes and every run has its turn', () => {
    const one = setUp(1, 10_000_000).round().bytes
    const { round } = setUp(20, 5 * one)
    const rounds = Array.from({ length: 8 }, round)
    for (const { bytes } of rounds) expect(bytes).toBeLessThanOrEqual(6 * one)
    expect(new Set(rounds.slice(0, 5).flatMap(({ heads }) => heads)).size).toBe(20)
  })

  it('that are larger than a round are written all the same, with pauses', () => {
    const one = setUp(1, 10_000_000).round().bytes
    const { round } = setUp(1, one / 4)
    const written = Array.from({ length: 12 }, () => round().heads.length)
    expect(written.reduce((sum, count) => sum + count, 0)).toBe(3)
  })
})
