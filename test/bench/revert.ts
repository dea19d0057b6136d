import { readOptions, refuse } from '../support/options.ts'
import type { FaultCell } from './revert/fault-cell.ts'
import { faultRoutes, measureFaults, measureFaultsByDefault } from './revert/faults.ts'
import { measureApiKills, measureLocalKills } from './revert/kills.ts'
import { latchesPerSecond, latchPeople, latchRoutes, measureLatches } from './revert/latches.ts'
import { measureOutage, outageRoutes } from './revert/outage.ts'
import { predictFaults } from './revert/predicted.ts'
import type { RevertResults } from './revert/results.ts'
import { brakedRollout } from './revert/rollouts.ts'
import { tablesOf } from './revert/tables.ts'
import { openWorld, type World } from './revert/world.ts'
import { keepResults, keptResults } from './support/keep-results.ts'
import { measured } from './support/measured-part.ts'
import { standUp } from './support/standing-run.ts'

/** Killed at the gateway itself. */
const localRoute = 'local'

const help = `How long a revert takes, on a whole Penstock with one process a service, under traffic. Parts are measured one by one:

  --latches N   latches from evidence that decides at once, hop by hop; 200 are kept
  --kills N     kills by the API, by a call to the gateway and by its kill file, N of each; 200 are kept
  --outage N    kills with the broker stopped, by call and by file, N of each; 20 are kept
  --faults N    candidates that go bad, N of each kind; 10 are kept
  --default N   the same with the default horizons, whose legs may take a minute, N of each; 4 are kept
  --predict     what the statistics alone say of the faults that have been measured; starts no servers
  --before      keep the latches as those before a change
  --write       keep the results in test/bench/README.md and revert.json, beside those of other parts
`

const values = readOptions(help, {
  latches: { type: 'string' },
  kills: { type: 'string' },
  outage: { type: 'string' },
  faults: { type: 'string' },
  default: { type: 'string' },
  predict: { type: 'boolean', default: false },
  before: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
})
const counts = {
  latches: Number(values.latches ?? 0),
  kills: Number(values.kills ?? 0),
  outage: Number(values.outage ?? 0),
  faults: Number(values.faults ?? 0),
  default: Number(values.default ?? 0),
}

if (Object.values(counts).some((count) => !Number.isInteger(count) || count < 0))
  refuse(help, 'counts are whole numbers of at least 0')
if (values.predict) keep({ predictions: predictFaults(measuredCells()) })
else if (Object.values(counts).every((count) => count === 0)) refuse(help, 'nothing to measure: name a part')
else await measureParts()

function measuredCells(): readonly FaultCell[] {
  const { faults, byDefault } = kept()
  return [...(faults?.values ?? []), ...(byDefault?.values ?? [])].map(({ cell }) => cell)
}

function kept(): RevertResults {
  return keptResults<RevertResults>('revert')
}

function keep(found: RevertResults): void {
  const all = { ...kept(), ...found }
  process.stdout.write(`${tablesOf(values.predict ? all : found)}\n`)
  if (values.write) keepResults('revert', all, tablesOf(all))
}

/** Each part is kept as soon as it is measured. */
async function measureParts(): Promise<void> {
  const world = await openWorld([...latchRoutes, localRoute, ...outageRoutes, ...faultRoutes])
  const part = <T>(name: keyof typeof counts, measure: (count: number) => Promise<T>) =>
    measured(world.stack.dir, `node test/bench/revert.ts --${name} ${counts[name]} --write`, () =>
      measure(counts[name]),
    )
  try {
    if (counts.latches > 0) {
      const latches = await part('latches', (count) => measureLatches(world, count))
      keep(values.before ? { before: latches } : { latches })
    }
    if (counts.kills > 0) keep({ kills: await part('kills', (count) => allKills(world, count)) })
    if (counts.faults > 0) keep({ faults: await part('faults', (count) => measureFaults(world, count)) })
    if (counts.default > 0) keep({ byDefault: await part('default', (count) => measureFaultsByDefault(world, count)) })
    if (counts.outage > 0) keep({ outage: await part('outage', (count) => measureOutage(world, count)) })
  } finally {
    await world.stop()
  }
}

async function allKills(world: World, count: number): Promise<NonNullable<RevertResults['kills']>['values']> {
  const api = await measureApiKills(world, count)
  await standUp(world, brakedRollout(localRoute))
  const traffic = world.traffic(localRoute, latchesPerSecond, latchPeople)
  try {
    const call = await measureLocalKills(world, 'call', count, { route: localRoute, traffic })
    const file = await measureLocalKills(world, 'file', count, { route: localRoute, traffic })
    return { api, call, file }
  } finally {
    await traffic.stop()
  }
}
