import type { Evidence } from '../domain/events/records.ts'

interface Early {
  readonly evidence: Evidence
  readonly partition: number
  readonly offset: number
}

/** Evidence of runs whose record has not been read yet: the two topics are read side by side, and either may come first. Bounded; what does not fit is counted. */
export interface EarlyEvidence {
  /** Keeps a record, or counts it as lost when too many wait. */
  keep(early: Early): void
  /** What waited for the run, in the order read, and how many did not fit. Afterwards nothing waits for it. */
  take(run: string): { readonly kept: readonly Early[]; readonly lost: number }
  /** How many are kept. */
  size(): number
}

/** @param onForgotten told how many records of a run are given up because too many runs are unknown: nobody will ask for them */
export function createEarlyEvidence(limit: number, onForgotten: (run: string, records: number) => void): EarlyEvidence {
  const forgotten = new Map<string, number>()
  const waiting = new Map<string, { readonly kept: Early[]; lost: number }>()
  let total = 0
  return {
    size: () => total,
    keep(early) {
      const { run } = early.evidence.place
      let entry = waiting.get(run)
      if (entry === undefined) {
        makeRoom()
        // A run that was forgotten and is heard of again has lost what it had: its gate must know.
        entry = { kept: [], lost: forgotten.get(run) ?? 0 }
        forgotten.delete(run)
        waiting.set(run, entry)
      }
      if (total >= limit) {
        entry.lost += 1
        return
      }
      entry.kept.push(early)
      total += 1
    },
    take(run) {
      const entry = waiting.get(run) ?? { kept: [], lost: forgotten.get(run) ?? 0 }
      total -= forget(run)
      forgotten.delete(run)
      return entry
    },
  }

  /** Also the names of runs are bounded: those that are never heard of again give way, oldest first. */
  function makeRoom(): void {
    const [oldest] = waiting.keys()
    if (waiting.size < runsMax || oldest === undefined) return
    const before = waiting.get(oldest)?.lost ?? 0
    const kept = forget(oldest)
    total -= kept
    const lost = before + kept
    forgotten.set(oldest, lost)
    const [first] = forgotten.keys()
    if (forgotten.size > forgottenMax && first !== undefined) forgotten.delete(first)
    onForgotten(oldest, lost)
  }

  function forget(run: string): number {
    const kept = waiting.get(run)?.kept.length ?? 0
    waiting.delete(run)
    return kept
  }
}

const runsMax = 1_000
/** Numbers only: a run that appears after so many others are forgotten enters as one whose evidence began late. */
const forgottenMax = 100_000
