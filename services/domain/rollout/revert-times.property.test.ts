import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Ack } from '../events/records.ts'
import type { RunEvent } from './events.ts'
import type { Run } from './run.ts'
import { readRun, writeRun } from './run-document.ts'
import { ackedRun, ackOf, command, latchOf, startedRun, startMs, verdictCommand, verdictOf } from './sample-run.ts'
import { transition } from './transition.ts'

const nowMs = startMs + 5_000
const routers = ['gateway-1', 'gateway-2']

function canary(): Run {
  const promoted = transition(
    startedRun(),
    { kind: 'command', command: command('run-1', 'promote'), successor: null },
    startMs + 10,
  ).run
  return ackedRun(promoted, startMs + 20)
}

/** Each event through a machine that has just been restarted from its document. */
function play(run: Run, events: readonly RunEvent[]): Run {
  return events.reduce((state, event) => {
    const read = readRun(writeRun(state))
    if (read === null) throw new TypeError('a run did not survive its own document')
    return transition(read, event, nowMs).run
  }, run)
}

const brakeAck = (run: Run, router: string, latch: string, appliedAt: number): Ack =>
  ackOf(run, router, { brakes: [latch], applied_at: appliedAt, sent_at: appliedAt })

const ackEvent = (ack: Ack): RunEvent => ({ kind: 'ack', ack })

describe('when a router had a revert in force', () => {
  it('is known from an ack that names a latch of which the run has not heard yet', () => {
    const run = canary()
    const after = play(run, [
      ackEvent(brakeAck(run, 'gateway-1', 'l1', startMs + 900)),
      { kind: 'latch', latch: latchOf(run, 'l1') },
    ])
    expect(after.state.lastRevert?.routersMs).toEqual({ 'gateway-1': startMs + 900 })
    expect(after.state.acked).toEqual([])
  })

  it('is the earliest moment that the router itself named, whatever the order and the repetition of brakes and acks', () => {
    const run = canary()
    const ackAt = fc.record({
      router: fc.constantFrom(...routers, 'gateway-9'),
      latch: fc.constantFrom('l1', 'l2', 'of-another-run'),
      afterMs: fc.integer({ min: 1, max: 3_000 }),
    })
    const revert: readonly RunEvent[] = [
      { kind: 'latch', latch: latchOf(run, 'l1') },
      { kind: 'latch', latch: latchOf(run, 'l2') },
      { kind: 'command', command: verdictCommand(run, verdictOf('rollback', { latch: 'l1' })), successor: null },
      { kind: 'command', command: command('run-1', 'rollback'), successor: null },
    ]
    fc.assert(
      fc.property(
        fc.array(ackAt, { maxLength: 12 }),
        fc.array(fc.nat(1_000), { minLength: 30, maxLength: 30 }),
        fc.array(fc.record({ router: fc.constantFrom(...routers), afterMs: fc.integer({ min: 1, max: 3_000 }) })),
        (acks, order, splitAcks) => {
          const events = [
            ...revert,
            ...acks.map((ack) => ackEvent(brakeAck(run, ack.router, ack.latch, startMs + ack.afterMs))),
          ]
          const shuffled = events
            .map((event, index) => ({ event, rank: order[index] ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .flatMap(({ event, rank }) => (rank % 3 === 0 ? [event, event] : [event]))
          const reverted = play(run, shuffled)
          // Routers can name the epoch of the revert only after it was written.
          const after = play(
            reverted,
            splitAcks.map(({ router, afterMs }) =>
              ackEvent(ackOf(reverted, router, { brakes: ['l1'], applied_at: startMs + afterMs })),
            ),
          )
          const expected = Object.fromEntries(
            routers.flatMap((router) => {
              const named = [
                ...acks.filter((ack) => ack.router === router && ack.latch !== 'of-another-run'),
                ...splitAcks.filter((ack) => ack.router === router),
              ].map(({ afterMs }) => startMs + afterMs)
              return named.length === 0 ? [] : [[router, Math.min(...named)]]
            }),
          )
          expect(after.state.lastRevert?.routersMs).toEqual(expected)
          expect(after.state.phase).toBe('rolled_back')
        },
      ),
      { numRuns: 500 },
    )
  })

  it('of a latch that was released does not count for the next one', () => {
    const run = canary()
    const released = play(run, [
      { kind: 'latch', latch: latchOf(run, 'l1') },
      ackEvent(brakeAck(run, 'gateway-1', 'l1', startMs + 900)),
      { kind: 'command', command: command('run-1', 'release', { payload: '{"latch":"l1"}' }), successor: null },
      { kind: 'command', command: command('run-1', 'resume'), successor: null },
    ])
    const again = play(released, [
      ackEvent(brakeAck(released, 'gateway-1', 'l1', startMs + 950)),
      { kind: 'latch', latch: latchOf(run, 'l2') },
    ])
    expect(again.state.lastRevert).toMatchObject({ latch: 'l2', routersMs: {} })
  })

  it('costs a bounded place in the run, however many brakes a router names', () => {
    const run = canary()
    const many = Array.from({ length: 2_000 }, (_, index) =>
      ackEvent(brakeAck(run, 'gateway-1', `b${index}`, startMs + index)),
    )
    const flooded = play(run, [...many.slice(0, 1_999), ackEvent(brakeAck(run, 'gateway-1', 'l1', startMs + 1_999))])
    expect(writeRun(flooded).length - writeRun(run).length).toBeLessThan(4_000)
    const after = play(flooded, [{ kind: 'latch', latch: latchOf(run, 'l1') }])
    expect(after.state.lastRevert?.routersMs).toEqual({ 'gateway-1': startMs + 1_999 })
  })
})
