import type { Command, DeadLetter, Decision, Records, Split } from '../domain/events/records.ts'
import { applyRun, decisionIdOf, refuseWithoutRun, routeOfApply } from '../domain/rollout/apply-run.ts'
import type { Effect, RunEvent } from '../domain/rollout/events.ts'
import type { Run } from '../domain/rollout/run.ts'
import { writeRun } from '../domain/rollout/run-document.ts'
import { transition } from '../domain/rollout/transition.ts'
import { topics } from '../flow.ts'
import type { OutRecord } from '../platform/kafka/transport.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { RouteBook } from './route-book.ts'

/** Record header of `rollout.runs.v1`: the commands partition whose owner writes the run. */
export const partitionHeader = 'commands-partition'

/** What one transaction will hold: filled by transitions, then written whole or not at all. */
export interface Work {
  readonly partition: number
  readonly runs: ReadonlyMap<string, Run>
  readonly splits: readonly Split[]
  readonly decisions: readonly Decision[]
  readonly deadLetters: readonly DeadLetter[]
  /** The run as this work leaves it, or as the book knows it. */
  current(id: string): Run | null
  /** Everything that brakes, acks, the route and the time mean for the run. */
  sweep(id: string, nowMs: number): void
  command(command: Command, nowMs: number): void
  reject(letter: DeadLetter): void
  isEmpty(): boolean
  records(codec: Codec<Records>): readonly OutRecord[]
}

export type TransitionObserver = (
  kind: RunEvent['kind'] | 'apply',
  outcome: 'changed' | 'unchanged' | 'refused',
) => void

export function createWork(book: RouteBook, partition: number, observe: TransitionObserver): Work {
  const runs = new Map<string, Run>()
  const splits: Split[] = []
  const decisions: Decision[] = []
  const deadLetters: DeadLetter[] = []

  function take(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'split') splits.push(effect.split)
      else decisions.push(effect.decision)
    }
  }

  const current = (id: string): Run | null => runs.get(id) ?? book.run(id)

  function step(id: string, event: RunEvent, nowMs: number): void {
    const run = current(id)
    if (run === null) return
    const after = transition(run, event, nowMs)
    observe(event.kind, after.outcome)
    if (after.run !== run) runs.set(id, after.run)
    take(after.effects)
  }

  function apply(command: Command, nowMs: number): void {
    const draft = applyRun(command, routeViewOf(command), nowMs)
    observe('apply', draft.run === null ? 'refused' : 'changed')
    if (draft.run !== null) runs.set(draft.run.id, draft.run)
    take(draft.effects)
  }

  /** Runs that this very transaction makes count too: two applies may stand side by side in one batch. */
  function routeViewOf(command: Command) {
    const route = routeOfApply(command) ?? ''
    const view = book.route(route)
    const known = view.runs.filter((run) => !runs.has(run.id))
    return { ...view, runs: [...known, ...[...runs.values()].filter((run) => run.route === route)] }
  }

  return {
    partition,
    runs,
    splits,
    decisions,
    deadLetters,
    current,
    sweep(id, nowMs) {
      for (const event of book.eventsFor(id)) step(id, event, nowMs)
    },
    command(command, nowMs) {
      const run = current(command.run)
      if (run !== null) {
        step(command.run, { kind: 'command', command, successor: book.successorOf(run) }, nowMs)
      } else if (book.isDecided(decisionIdOf(command))) {
        observe('command', 'unchanged')
      } else if (command.kind === 'apply') {
        apply(command, nowMs)
      } else {
        observe('command', 'refused')
        const reason = { code: 'UNKNOWN_RUN', text: `no run is called ${command.run}` }
        take(refuseWithoutRun(command, reason, nowMs).effects)
      }
    },
    reject: (letter) => void deadLetters.push(letter),
    isEmpty: () => runs.size + splits.length + decisions.length + deadLetters.length === 0,
    records: (codec) => [
      ...[...runs.values()].map((run) => ({
        topic: topics.runs.name,
        key: run.id,
        value: Buffer.from(writeRun(run), 'utf8'),
        headers: { [partitionHeader]: String(partition) },
      })),
      ...decisions.map((decision) => ({
        topic: topics.decisions.name,
        key: decision.run,
        value: codec.encode('Decision', decision),
      })),
      ...splits.map((split) => ({ topic: topics.splits.name, key: split.route, value: codec.encode('Split', split) })),
      ...deadLetters.map((letter) => ({
        topic: topics.deadLetters.name,
        key: letter.topic,
        value: codec.encode('DeadLetter', letter),
      })),
    ],
  }
}
