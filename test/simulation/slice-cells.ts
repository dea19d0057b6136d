import { refusalDecides } from '../../services/domain/gate/sample-evidence.ts'
import type { Cell } from './cell.ts'
import type { Draw } from './draws.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

/** One declared critical segment, 8 % of the pairs; refusals within 5 points decide. */
const plan = planOf({
  criticalSlices: [{ key: 'tier', value: 'enterprise' }],
  metrics: refusalDecides,
})
const sliceTest = 'harm/refusal/content_ab/paired_binary/tier=enterprise'

/** Feeds pairs of which 8 % are in the segment; there the candidate alone refuses with `only`, elsewhere as often as the baseline. */
function segmentRun(uniform: Draw, pairs: number, only: number): VirtualRun {
  const run = new VirtualRun(plan, 0)
  for (let i = 0; i < pairs; i += 1) {
    const isEnterprise = uniform() < 0.08
    const worse = isEnterprise ? only : 0.03
    const drawn = uniform()
    const refused = { baseline: drawn >= worse && drawn < worse + 0.03, candidate: drawn < worse }
    const segments = { tier: isEnterprise ? 'enterprise' : 'free' }
    const legs = [{ refused: refused.baseline }, { refused: refused.candidate }] as const
    run.pair('content_ab', `session-${i}`, ...legs, { segments })
    run.wait(500)
  }
  run.settle()
  return run
}

const isFound = (run: VirtualRun) => Number(run.gate.harm.get(sliceTest)?.rejectedAtMs != null)

/** A declared critical segment with its own test and its own required size. */
export const sliceCells: readonly Cell[] = [
  {
    name: 'slice/critical-planted',
    world: 'a critical segment of 8 % with +5 points (3 against 8 %), 10,000 pairs: proven worse by its own test',
    aim: { kind: 'share-at-least', share: 0.85 },
    plan,
    shortRuns: 5,
    run: (uniform) => isFound(segmentRun(uniform, 10_000, 0.08)),
  },
  {
    name: 'slice/critical-null',
    world: 'the same segment without harm, 10,000 pairs: its test fires',
    aim: { kind: 'share-at-most', share: 0.01 },
    plan,
    shortRuns: 5,
    run: (uniform) => isFound(segmentRun(uniform, 10_000, 0.03)),
  },
  {
    name: 'slice/too-few-pairs',
    world: 'the planted segment with 2,000 pairs in all, of which it has 160: the stage advances',
    aim: { kind: 'share-at-most', share: 0 },
    plan,
    shortRuns: 10,
    run: (uniform) => Number(segmentRun(uniform, 2_000, 0.08).judge().outcome === 'advance'),
  },
]
