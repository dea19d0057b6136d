import { expect, it } from 'vitest'
import { startedRun, startMs, togetherSpec, verdictCommand, verdictOf } from '../domain/rollout/sample-run.ts'
import { status } from '../domain/rollout/status.ts'
import { transition } from '../domain/rollout/transition.ts'
import { statusText } from './print-status.ts'

it('shows each wave of a run whose waves go side by side, and which of them waits for a person', async () => {
  let run = startedRun(togetherSpec())
  const tell = (wave: string, verdict: ReturnType<typeof verdictOf>) => {
    const command = verdictCommand(run, verdict, { wave, id: `${wave}-${verdict.outcome}` })
    run = transition(run, { kind: 'command', command, successor: null }, startMs + 2_000).run
  }
  tell('consumer', verdictOf('hold', { reasonCode: 'NEED_UNITS', reason: 'refusal: 240 of 400 units', n: 240 }))
  const before = statusText(status(run, [], startMs + 2_500), startMs + 2_500)
  tell('enterprise', verdictOf('review', { reasonCode: 'TRADE_OFF', reason: 'fewer errors, more refusals' }))
  const nowMs = startMs + 60_000
  const view = {
    wave: 'consumer',
    stageEntry: 1,
    reasonCode: 'NEED_UNITS',
    reason: 'refusal: 300 of 400 units',
    n: 300,
    nRequired: 400,
    etaAtMs: nowMs + 90_000,
    atMs: nowMs - 1_000,
  }
  const words = [{ view, verdict: verdictOf('hold') }]
  await expect(`${before}\n\n${statusText(status(run, words, nowMs), nowMs)}\n`).toMatchFileSnapshot(
    'golden/status-waves-together.txt',
  )
})
