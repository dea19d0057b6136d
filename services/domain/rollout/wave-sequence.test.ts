import { expect, it } from 'vitest'
import {
  ackedRun,
  presentWave,
  sampleSpec,
  shortSpec,
  startedRun,
  startMs,
  verdictCommand,
  verdictOf,
} from './sample-run.ts'
import { transition } from './transition.ts'

const [wave] = shortSpec().waves
const waves = ['a', 'b', 'c', 'd'].map((id) => ({
  id,
  match: id === 'd' ? {} : { tenant: id },
  stages: wave?.stages ?? [],
}))
const spec = sampleSpec({ waves, routers: ['gateway-1'] })

/**
 * Plays a run whose gates pass with the given chance each, until one does not; returns how many waves were promoted. Every verdict is also sent for all
 * other waves: none of them may profit from it.
 */
function promotedWaves(passes: () => boolean): number {
  let run = startedRun(spec)
  for (let nowMs = startMs; run.state.phase !== 'bake'; nowMs += 10_000) {
    run = ackedRun(run, nowMs)
    const outcome = passes() ? 'advance' : 'hold'
    for (const other of run.state.waves.filter((_, index) => index !== presentWave(run))) {
      const stray = verdictCommand(run, verdictOf('advance'), { wave: other.id, stage_entry: other.stageEntry })
      run = transition(run, { kind: 'command', command: stray, successor: null }, nowMs + 2_000).run
    }
    const command = verdictCommand(run, verdictOf(outcome))
    run = transition(run, { kind: 'command', command, successor: null }, nowMs + 2_000).run
    if (outcome === 'hold') break
  }
  return run.state.waves.filter(({ status }) => status === 'finished').length
}

it('promotes a candidate that is unacceptable in every wave no more often than a run with a single wave', () => {
  const runs = 400
  // One gate in five passes wrongly, evenly spread: the first wave has two gates, so one run in 25 is promoted anywhere.
  let gates = 0
  let wrongly = 0
  for (let index = 0; index < runs; index += 1) {
    const draws = [index % 5 === 0, Math.floor(index / 5) % 5 === 0, Math.floor(index / 25) % 5 === 0]
    let asked = 0
    const promoted = promotedWaves(() => {
      gates += 1
      asked += 1
      return draws[asked - 1] ?? false
    })
    if (promoted > 0) wrongly += 1
  }
  expect(wrongly).toBe(runs / 25)
  expect(gates).toBeGreaterThan(runs)
})

it('passes all of α on: when one wave has passed all its gates, the next is entered, alone', () => {
  let asked = 0
  const promoted = promotedWaves(() => {
    asked += 1
    return asked <= 5
  })
  expect(promoted).toBe(2)
})
