import type { Command, Kill } from '../../../services/domain/events/records.ts'
import { compileRollout } from '../../../services/domain/policy/compile-rollout.ts'
import type { RolloutDocument } from '../../../services/domain/policy/rollout-document.ts'
import { topics } from '../../../services/flow.ts'
import type { MemoryTransport } from '../../../services/platform/kafka/memory-transport.ts'
import { route } from './gateway.ts'
import { codec, valuesOf } from './installation.ts'
import type { Deed } from './schedule.ts'
import type { VirtualTime } from './virtual-time.ts'

export const runId = 'twin'

/** People and CI, who write as the API does for them. */
export interface People {
  apply(document: RolloutDocument): void
  act(deed: Deed): void
}

export async function createPeople(time: VirtualTime, broker: MemoryTransport): Promise<People> {
  const producer = await broker.producer()
  let serial = 0
  const command = (kind: string, payload: object = {}) => {
    serial += 1
    const value: Command = {
      id: `${kind}-${serial}`,
      run: runId,
      wave: null,
      stage_entry: null,
      kind,
      by: 'somebody',
      reason: 'because',
      payload: JSON.stringify(payload),
      at: time.nowMs,
    }
    void producer.send([{ topic: topics.commands.name, key: runId, value: codec.encode('Command', value) }])
  }
  const kill = (change: Partial<Kill>) => {
    const value: Kill = {
      id: 'k1',
      route,
      by: 'somebody',
      reason: 'because',
      written_at: time.nowMs,
      released_at: null,
      min_epoch: {},
      ...change,
    }
    const key = `${route}/kill/${value.id}`
    void producer.send([{ topic: topics.brakes.name, key, value: codec.encode('Kill', value) }])
  }
  /** What was split until now stays at 0; only a later split raises it again. */
  const release = async () => {
    const epochs = (await valuesOf(broker, topics.splits.name, 'Split')).map(({ decoded }) => decoded.epoch)
    kill({ released_at: time.nowMs, min_epoch: { [route]: Math.max(0, ...epochs) } })
  }
  return {
    apply(document) {
      const compiled = compileRollout(document, null)
      if (compiled.kind !== 'compiled') throw new TypeError(JSON.stringify(compiled.problems))
      command('apply', { spec: compiled.spec, plan: compiled.plan })
    },
    act({ kind, forMs }) {
      if (kind === 'rollback' || kind === 'promote') command(kind)
      if (kind === 'hold') {
        command('hold')
        time.after(forMs, () => command('resume'))
      }
      if (kind === 'kill') {
        kill({})
        time.after(forMs, () => void release())
      }
    },
  }
}
