import type { Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import type { Reader, RecordBatch, Transport } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { ControlState } from './control-state.ts'

const retryMs = 1_000
/**
 * Who obeys seldom hears anything, and being told so twenty times a second was what an idle gateway did. Records are delivered as they come, however long
 * a fetch may wait for them; where the ends are only the metrics ask.
 */
const seldom = { maxWaitMs: 500, caughtUpPollMs: 2_000 }

/** Keeps the control state fed, for as long as the process lives and whatever the broker does: a gateway starts and serves without Kafka. */
export function watchControl(
  scope: Scope,
  transport: Transport,
  openCodec: () => Promise<Codec<Records>>,
  control: ControlState,
  onChange: () => void,
): void {
  const health = scope.health.noting()
  void (async () => {
    let codec: Codec<Records> | null = null
    while (!scope.signal.aborted) {
      const readers: Reader[] = []
      try {
        codec ??= await openCodec()
        const opened = codec
        const brakes = await transport.read({
          topics: [topics.splits.name, topics.brakes.name],
          startAt: 'beginning',
          ...seldom,
          onBatch: (batch) => apply(opened, control, batch).then(onChange),
        })
        readers.push(brakes)
        const beats = await transport.read({
          topics: [topics.heartbeats.name],
          startAt: 'end',
          ...seldom,
          onBatch: (batch) => apply(opened, control, batch).then(onChange),
        })
        readers.push(beats)
        await brakes.caughtUp
        control.complete()
        health.waits('control topics', null)
        onChange()
        await Promise.race([brakes.crashed, beats.crashed, aborted(scope.signal)])
      } catch (error) {
        const err = error instanceof Error ? error.message : String(error)
        health.waits('control topics', err)
        if (!scope.signal.aborted) scope.log.warn({ err }, 'control topics not readable; serving by what is known')
      }
      await Promise.all(readers.map((reader) => reader.stop().catch(() => undefined)))
      if (!scope.signal.aborted) await scope.timers.wait(retryMs, scope.signal).catch(() => undefined)
    }
  })()
}

async function apply(codec: Codec<Records>, control: ControlState, batch: RecordBatch): Promise<void> {
  for (const { key, value } of batch.records) {
    const decoded = value === null ? null : await codec.decode(value)
    if (key === null || decoded?.kind !== 'record') continue
    switch (decoded.name) {
      case 'Split':
        control.applySplit(key, decoded.value)
        break
      case 'Latch':
        control.applyBrake(key, { latch: decoded.value })
        break
      case 'Kill':
        control.applyBrake(key, { kill: decoded.value })
        break
      case 'Heartbeat':
        control.beat(decoded.value)
        break
      default:
        break
    }
  }
  control.persist()
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
