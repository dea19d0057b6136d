import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command, Decision, Kill, Latch, Records } from '../domain/events/records.ts'
import type { CommandKind, CommandPayloads } from '../domain/rollout/commands.ts'
import type { GoldenChunk } from '../domain/rollout/spec.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type { Producer } from '../platform/kafka/transport.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { ApiProblem } from './problem.ts'
import type { ReadModel } from './read-model.ts'

/** Turns what people ask for into records. Brakes go straight to the brakes topic: no controller is waited for. */
export interface Commander {
  /** Sends a command and waits for the decision on it. Throws ApiProblem REFUSED (409) or NO_DECISION (504). */
  command<K extends CommandKind>(
    run: string,
    kind: K,
    payload: CommandPayloads[K],
    by: string,
    reason: string,
    at: { readonly wave: string; readonly stageEntry: number } | null,
  ): Promise<Decision>
  golden(chunks: readonly GoldenChunk[]): Promise<void>
  latch(latch: Latch): Promise<void>
  kill(kill: Kill): Promise<void>
}

const decisionWaitMs = 10_000
const readBackMs = 2_000

export function createCommander(deps: {
  readonly producer: Producer
  readonly codec: Codec<Records>
  readonly clock: Clock
  readonly model: ReadModel
}): Commander {
  const { producer, codec, clock, model } = deps
  const awaited = async <T>(read: () => T | null, withinMs: number): Promise<T | null> => {
    for (const endMs = clock.monoMs() + withinMs; clock.monoMs() < endMs; await delay(20)) {
      const value = read()
      if (value !== null) return value
    }
    return null
  }
  const decided = async ({ id, run, kind }: Command): Promise<Decision> => {
    const decision = await awaited(() => model.decisionFor(id), decisionWaitMs)
    if (decision === null)
      throw new ApiProblem(
        504,
        'NO_DECISION',
        `no controller has decided on \`${kind}\` of run ${run} within ${decisionWaitMs / 1000} s. It stands on the log and will be handled when one is up: do not repeat it, look at the run`,
      )
    return decision
  }
  /** Decision and run stand in one transaction and on two topics: what is answered next should show both. */
  const readBack = ({ id, run }: Command): Promise<true | null> =>
    awaited(() => (model.run(run)?.state.handled.includes(id) === true ? true : null), readBackMs)
  return {
    async command(run, kind, payload, by, reason, at) {
      const command: Command = {
        id: randomUUID(),
        run,
        wave: at?.wave ?? null,
        stage_entry: at?.stageEntry ?? null,
        kind,
        by,
        reason,
        payload: JSON.stringify(payload),
        at: clock.nowMs(),
      }
      await producer.send([{ topic: topics.commands.name, key: run, value: codec.encode('Command', command) }])
      const decision = await decided(command)
      const { refused } = JSON.parse(decision.analysis) as { readonly refused?: boolean }
      if (refused === true) throw new ApiProblem(409, 'REFUSED', decision.reason)
      await readBack(command)
      return decision
    },
    async golden(chunks) {
      const records = chunks.map((chunk) => ({
        topic: topics.runs.name,
        key: `golden/${chunk.digest}/${chunk.index}`,
        value: Buffer.from(JSON.stringify(chunk)),
      }))
      if (records.length > 0) await producer.send(records)
    },
    async latch(latch) {
      await producer.send([
        { topic: topics.brakes.name, key: `${latch.route}/latch/${latch.id}`, value: codec.encode('Latch', latch) },
      ])
    },
    async kill(kill) {
      await producer.send([
        { topic: topics.brakes.name, key: `${kill.route}/kill/${kill.id}`, value: codec.encode('Kill', kill) },
      ])
    },
  }
}
