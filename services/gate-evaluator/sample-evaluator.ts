import { startMs } from '../domain/rollout/sample-run.ts'
import { createEvaluator, type Evaluator, type EvaluatorDeps } from './evaluator.ts'
import { createSnapshotCollector } from './gate-snapshot.ts'

/** For tests: a gate that sees, whose horizons are all over and whose stage is not; what it writes goes nowhere unless told otherwise. */
export function sampleEvaluator(change: Partial<EvaluatorDeps> = {}): Evaluator {
  return createEvaluator({
    gate: 'gate',
    codeVersion: 'test',
    clock: { nowMs: () => startMs, monoMs: () => 0 },
    codec: { encode: () => Buffer.alloc(0), decode: () => Promise.reject(new Error('nothing is read')) },
    frontier: {
      onProgress: () => undefined,
      onEvidence: () => undefined,
      readThroughMs: () => startMs + 30_000,
      blindness: () => null,
    },
    snapshots: createSnapshotCollector(),
    limits: { waitingMax: 100, unitsMax: 1_000 },
    emit: () => undefined,
    onBreach: () => undefined,
    onForgotten: () => undefined,
    ...change,
  })
}
