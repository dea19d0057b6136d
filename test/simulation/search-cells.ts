import { refusalDecides } from '../../services/domain/gate/sample-evidence.ts'
import { searchFindings } from '../../services/domain/gate/slice-findings.ts'
import type { Cell } from './cell.ts'
import type { Draw } from './draws.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

/** Nothing is declared: the gate searches the values of three keys and their crosses, about eighty slices, for more refusals. */
const plan = planOf({
  metrics: refusalDecides,
})
const languages = ['en', 'en', 'en', 'en', 'de', 'de', 'fr', 'fr', 'es', 'it']
const tasks = ['chat', 'chat', 'code', 'mail', 'sum', 'data', 'law']

const oneOf = (uniform: Draw, values: readonly string[]) => values[Math.floor(uniform() * values.length)] ?? ''

/** Feeds pairs of which 8 % are of enterprise; there the candidate alone refuses with `only`, elsewhere as often as the baseline, 3 %. */
function searched(uniform: Draw, pairs: number, only: number, look: (run: VirtualRun) => boolean): VirtualRun {
  const run = new VirtualRun(plan, 0)
  for (let i = 0; i < pairs; i += 1) {
    const tier = uniform() < 0.08 ? 'enterprise' : uniform() < 0.3 ? 'pro' : 'free'
    const segments = { tier, language: oneOf(uniform, languages), task: oneOf(uniform, tasks) }
    const worse = tier === 'enterprise' ? only : 0.03
    const drawn = uniform()
    const legs = [{ refused: drawn >= worse && drawn < worse + 0.03 }, { refused: drawn < worse }] as const
    run.pair('content_ab', `session-${i}`, ...legs, { segments })
    run.wait(500)
    if (i % 500 === 499 && look(run)) return run
  }
  run.settle()
  return run
}

const anything = (run: VirtualRun) => searchFindings(run.gate, 'all').length > 0
const enterprise = (run: VirtualRun) =>
  searchFindings(run.gate, 'all').some(({ slice }) => slice.some(({ value }) => value === 'enterprise'))

/** An undeclared segment of 8 % with +5 points, among about eighty slices. */
export const searchCells: readonly Cell[] = [
  {
    name: 'search/planted-10000',
    world: 'an undeclared segment of 8 % with +5 points among some eighty slices, 10,000 pairs: found',
    aim: { kind: 'share-at-least', share: 0.5 },
    plan,
    shortRuns: 2,
    run: (uniform) => Number(enterprise(searched(uniform, 10_000, 0.08, enterprise))),
  },
  {
    name: 'search/planted-20000',
    world: 'the same with 20,000 pairs: found',
    aim: { kind: 'share-at-least', share: 0.85 },
    plan,
    shortRuns: 2,
    run: (uniform) => Number(enterprise(searched(uniform, 20_000, 0.08, enterprise))),
  },
  {
    name: 'search/null',
    world: 'the same slices without harm, 10,000 pairs, a look every 500: anything is found at any look',
    aim: { kind: 'share-at-most', share: 0.05 },
    plan,
    shortRuns: 2,
    run: (uniform) => Number(anything(searched(uniform, 10_000, 0.03, anything))),
  },
]
