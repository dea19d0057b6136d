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
}

export function createEarlyEvidence(limit: number): EarlyEvidence {
  const waiting = new Map<string, { readonly kept: Early[]; lost: number }>()
  let total = 0
  return {
    keep(early) {
      const { run } = early.evidence.place
      let entry = waiting.get(run)
      if (entry === undefined) {
        // Also the names of runs are bounded: those that are never heard of again give way, oldest first.
        const [oldest] = waiting.keys()
        if (waiting.size >= runsMax && oldest !== undefined) total -= forget(oldest)
        entry = { kept: [], lost: 0 }
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
      const entry = waiting.get(run) ?? { kept: [], lost: 0 }
      total -= forget(run)
      return entry
    },
  }

  function forget(run: string): number {
    const kept = waiting.get(run)?.kept.length ?? 0
    waiting.delete(run)
    return kept
  }
}

const runsMax = 1_000
