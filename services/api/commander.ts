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

export function createCommander(deps: {
  readonly producer: Producer
  readonly codec: Codec<Records>
  readonly clock: Clock
  readonly model: ReadModel
}): Commander {
  const { producer, codec, clock, model } = deps
  const decided = async (commandId: string): Promise<Decision> => {
    for (const endMs = clock.monoMs() + decisionWaitMs; clock.monoMs() < endMs; ) {
      const decision = model.decisionFor(commandId)
      if (decision !== null) return decision
      await delay(20)
    }
    throw new ApiProblem(
      504,
      'NO_DECISION',
      `no controller has decided on command ${commandId} within ${decisionWaitMs} ms; it stands on the log and will be handled`,
    )
  }
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
      const decision = await decided(command.id)
      const { refused } = JSON.parse(decision.analysis) as { readonly refused?: boolean }
      if (refused === true) throw new ApiProblem(409, 'REFUSED', decision.reason)
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
