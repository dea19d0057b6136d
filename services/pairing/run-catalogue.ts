import type { RunFacts } from '../domain/pairing/run-facts.ts'
import { goldenEntryProblem } from '../domain/policy/golden-set.ts'
import type { Run } from '../domain/rollout/run.ts'
import { readRun } from '../domain/rollout/run-document.ts'
import type { GoldenChunk, GoldenEntry } from '../domain/rollout/spec.ts'
import type { InRecord } from '../platform/kafka/transport.ts'

/** Runs and golden sets as far as they have been read from `rollout.runs.v1`. */
export interface RunCatalogue {
  /** Why the record cannot be used; null when it was taken. */
  onRecord(record: InRecord): string | null
  /** Null while the run, or a chunk of its golden set, has not been read. */
  facts(run: string): RunFacts | null
}

interface GoldenSet {
  readonly chunks: Set<number>
  readonly byRef: Map<string, GoldenEntry>
  readonly byPrompt: Map<string, GoldenEntry>
}

/** Runs kept: what is long over is forgotten first. */
const runsMax = 1_000

export function createRunCatalogue(): RunCatalogue {
  const runs = new Map<string, Run>()
  const sets = new Map<string, GoldenSet>()
  const facts = new Map<string, RunFacts>()

  const takeChunk = (text: string): string | null => {
    const chunk = readChunk(text)
    if (chunk === null) return 'no chunk of a golden set'
    const set = sets.get(chunk.digest) ?? { chunks: new Set(), byRef: new Map(), byPrompt: new Map() }
    sets.set(chunk.digest, set)
    set.chunks.add(chunk.index)
    for (const entry of chunk.entries) {
      if (entry.ref !== null) set.byRef.set(entry.ref, entry)
      if (entry.promptHash !== null) set.byPrompt.set(entry.promptHash, entry)
    }
    return null
  }

  return {
    onRecord(record) {
      if (record.key === null || record.value === null) return null
      const text = record.value.toString('utf8')
      if (record.key.startsWith('golden/')) return takeChunk(text)
      const run = readRun(text)
      if (run === null) return 'no run document'
      // Insertion order is age: the newest state of a run moves it to the end.
      runs.delete(run.id)
      runs.set(run.id, run)
      for (const oldest of runs.keys()) {
        if (runs.size <= runsMax) break
        runs.delete(oldest)
        facts.delete(oldest)
      }
      return null
    },
    facts(id) {
      const known = facts.get(id)
      if (known !== undefined) return known
      const run = runs.get(id)
      if (run === undefined) return null
      const { golden } = run.plan
      const set = golden === null ? null : sets.get(golden.digest)
      if (golden !== null && (set == null || set.chunks.size < golden.chunks)) return null
      const made: RunFacts = {
        plan: run.plan,
        goldenByPrompt: (set?.byPrompt.size ?? 0) > 0,
        golden: (ref, promptHash) =>
          (ref === null ? undefined : set?.byRef.get(ref)) ??
          (promptHash === null ? undefined : set?.byPrompt.get(promptHash)) ??
          null,
        price: (arm) => run.plan.prices[run.spec[arm].id] ?? null,
      }
      facts.set(id, made)
      return made
    },
  }
}

/** Null for anything that is no chunk, or holds an entry that `apply` would have refused. */
function readChunk(text: string): GoldenChunk | null {
  try {
    const chunk = JSON.parse(text) as Partial<GoldenChunk> | null
    const sound =
      typeof chunk?.digest === 'string' &&
      typeof chunk.index === 'number' &&
      Array.isArray(chunk.entries) &&
      chunk.entries.every((entry) => goldenEntryProblem(entry) === null)
    return sound ? (chunk as GoldenChunk) : null
  } catch {
    return null
  }
}
