import type { Run } from '../domain/rollout/run.ts'
import { countDeadLetters } from '../platform/kafka/dead-letters.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import { pendingAcksMax } from './route-book.ts'

const phases = ['draft', 'shadow', 'canary', 'bake', 'completed', 'held', 'review', 'rolled_back', 'aborted'] as const

/** Every number the controller shows about itself; label values come from closed sets. */
export interface ControlMetrics {
  transition(kind: string, outcome: string): void
  committed(records: number, seconds: number): void
  reverted(seconds: number): void
  fenced(): void
  badRecord(topic: string): void
  /** A command that went to the dead letters. */
  lettered(code: string): void
  /** A router has said that a latch is in force, so long after the latch was heard of here. */
  latchAcked(seconds: number): void
  state(runs: readonly Run[], owned: number, pendingAcks: number): void
}

export function createControlMetrics(metrics: Metrics): ControlMetrics {
  const transitions = metrics.counter(
    'penstock_controller_transitions_total',
    'Events applied to runs, by kind and outcome',
    ['kind', 'outcome'],
  )
  const written = metrics.counter('penstock_controller_records_total', 'Records written in transactions')
  const seconds = metrics.histogram(
    'penstock_controller_transaction_seconds',
    'Time of one transaction',
    [0.02, 0.05, 0.1, 0.25, 0.5, 1, 5],
  )
  const reverts = metrics.histogram(
    'penstock_controller_breach_to_split_seconds',
    'From the breach a latch names to the split that takes the candidate back',
    [0.5, 1, 2, 5, 10, 20, 30, 60],
  )
  const latchAcks = metrics.histogram(
    'penstock_controller_latch_to_ack_seconds',
    'From hearing of a latch to the first ack of each router that names it',
    [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30],
  )
  const fences = metrics.counter(
    'penstock_controller_fenced_total',
    'Transactions refused because another controller owns the partition',
  )
  const bad = metrics.counter('penstock_controller_bad_records_total', 'Records that could not be read', ['topic'])
  const byPhase = metrics.gauge('penstock_controller_runs', 'Runs known, by phase', ['phase'])
  const owned = metrics.gauge('penstock_controller_owned_partitions', 'Commands partitions this controller writes for')
  const acks = metrics.gauge(
    'penstock_controller_pending_acks',
    'Acks waiting for the next sweep; at the limit the oldest are dropped',
  )
  metrics.gauge('penstock_controller_pending_acks_limit', 'Acks that may wait for the next sweep').set(pendingAcksMax)
  return {
    transition: (kind, outcome) => transitions.add(1, { kind, outcome }),
    committed(records, took) {
      written.add(records)
      seconds.observe(took)
    },
    reverted: (took) => reverts.observe(took),
    fenced: () => fences.add(),
    badRecord: (topic) => bad.add(1, { topic }),
    lettered: countDeadLetters(metrics, 'rollout-controller'),
    latchAcked: (took) => latchAcks.observe(took),
    state(runs, partitions, pendingAcks) {
      for (const phase of phases) byPhase.set(runs.filter((run) => run.state.phase === phase).length, { phase })
      owned.set(partitions)
      acks.set(pendingAcks)
    },
  }
}
