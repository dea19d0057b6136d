import { expect, it } from 'vitest'
import { readRun, writeRun } from './run-document.ts'
import { ackOf, sampleSpec, startedRun, startMs, verdictCommand, verdictOf } from './sample-run.ts'
import { transition } from './transition.ts'

/** As it stood in a record before waves had verdicts and questions of their own. */
function olderText(run: ReturnType<typeof startedRun>): string {
  const { reviewWave: _, waves, ...state } = run.state
  const plain = waves.map(({ ask: _, lastVerdict: __, ...wave }) => wave)
  return writeRun({ ...run, state: { ...state, waves: plain, wave: 0, lastVerdict: null } as never })
}

it('reads runs from before waves could go side by side; one in review can be approved', () => {
  const run = startedRun(sampleSpec())
  const verdict = verdictCommand(run, verdictOf('review', { reasonCode: 'TRADE_OFF' }))
  const review = transition(run, { kind: 'command', command: verdict, successor: null }, startMs + 10).run
  const read = readRun(olderText(review))
  expect(read?.state).toMatchObject({ phase: 'review', review: 'verdict', reviewWave: 'consumer' })
  expect(read?.state.waves.map(({ ask }) => ask?.reasonCode ?? null)).toEqual(['TRADE_OFF', null])
  expect(readRun(olderText(run))?.state.waves).toEqual(run.state.waves)
  const refused = ackOf(run, 'gateway-1', { outcome: 'rejected' })
  const rejected = transition(run, { kind: 'ack', ack: refused }, startMs + 10).run
  expect(readRun(olderText(rejected))?.state).toMatchObject({ review: 'ack_rejected', reviewWave: null })
})
