import { assertNever } from '../outcome/assert-never.ts'
import type { RunEvent, Transition } from './events.ts'
import { onAck } from './on-ack.ts'
import { onKill, onLatch } from './on-brake.ts'
import { onCommand } from './on-command.ts'
import { onStart, onSuperseded, onTick } from './on-tick.ts'
import type { Run } from './run.ts'

/**
 * The whole rollout state machine: what an event makes of a run, and what has to be written with it. Pure; `nowMs` is the
 * controller's wall clock. An event that does not apply returns the same run and says why. Any order and any duplication of events
 * gives a legal state: brakes always win, and nothing but a passing verdict or a labelled override moves a run forward.
 */
export function transition(run: Run, event: RunEvent, nowMs: number): Transition {
  switch (event.kind) {
    case 'command':
      return onCommand(run, event, nowMs)
    case 'ack':
      return onAck(run, event.ack, nowMs)
    case 'latch':
      return onLatch(run, event.latch, nowMs)
    case 'kill':
      return onKill(run, event.kill, nowMs)
    case 'tick':
      return onTick(run, nowMs)
    case 'start':
      return onStart(run, event.routeEpoch, nowMs)
    case 'superseded':
      return onSuperseded(run, event.run, event.epoch, nowMs)
    default:
      return assertNever(event, 'run event')
  }
}
