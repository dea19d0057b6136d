import { startStack } from '../../infra/native/stack.ts'
import { positive, readOptions, refuse } from '../support/options.ts'
import { measureHalfPairs } from './limits/half-pairs.ts'
import { manyRoutes, measureManyRollouts } from './limits/many-rollouts.ts'
import { measureOverload, overloadRoutes } from './limits/overload.ts'
import { openPlace, type Place, type PlaceOptions } from './limits/place.ts'
import type { LimitsResults } from './limits/results.ts'
import { measureSoak, soakRoutes } from './limits/soak.ts'
import { tablesOf } from './limits/tables.ts'
import { measureTenant, tenantRates, tenantRoutes, tenants } from './limits/tenant.ts'
import { keepResults, keptResults } from './support/keep-results.ts'
import { measured, type Part } from './support/measured-part.ts'

const help = `What happens at the limits, on a whole Penstock with one process a service. Parts are measured one by one:

  --overload MINUTES   finds the traffic that fits, then twice that; 10 minutes are kept
  --search SECONDS     how long each rate is tried before that (default 20)
  --soak MINUTES       steady traffic with rollouts that come and go: memory by the minute; 30 are kept
  --tenant MINUTES     one tenant sends nine tenths of everything, of what fits and of more; 5 are kept
  --half-pairs N       pairing alone, with N exchanges whose other leg never comes; 1000000 are kept
  --rollouts N         so many rollouts at once; 200 are kept
  --write              keep the results in test/bench/README.md and limits.json, beside those of other parts
`

const values = readOptions(help, {
  overload: { type: 'string' },
  search: { type: 'string', default: '20' },
  soak: { type: 'string' },
  tenant: { type: 'string' },
  'half-pairs': { type: 'string' },
  rollouts: { type: 'string' },
  write: { type: 'boolean', default: false },
})

/** Traffic over all of them while nothing is changed. */
const rolloutsSeconds = 60
const parts = ['overload', 'soak', 'tenant', 'half-pairs', 'rollouts'] as const
const amounts = parts.flatMap((part) => {
  const text = values[part]
  return text === undefined ? [] : [{ part, amount: positive(help, `--${part}`, text) }]
})
const searchSeconds = positive(help, '--search', values.search)

if (amounts.length === 0) refuse(help, 'nothing to measure: name a part, and how much of it')
for (const { part, amount } of amounts) keep(await measurePart(part, amount))

function keep(found: LimitsResults): void {
  const all = { ...keptResults<LimitsResults>('limits'), ...found }
  process.stdout.write(`${tablesOf(found)}\n`)
  if (values.write) keepResults('limits', all, tablesOf(all))
}

/** Each has servers of its own: what one leaves behind is not in the way of the next. */
async function measurePart(part: (typeof parts)[number], amount: number): Promise<LimitsResults> {
  const command = `node test/bench/limits.ts --${part} ${amount} --write`
  switch (part) {
    case 'overload': {
      const search = (place: Place) => measureOverload(place, amount, searchSeconds)
      const how = command.replace(' --write', ` --search ${values.search} --write`)
      return { overload: await inPlace({ routes: overloadRoutes }, how, search) }
    }
    case 'soak':
      return { soak: await inPlace({ routes: soakRoutes }, command, (place) => measureSoak(place, amount)) }
    case 'tenant': {
      const measure = (perSecond: number) =>
        inPlace({ routes: tenantRoutes, tenants }, command, (place) => measureTenant(place, amount, perSecond))
      return { tenant: await measure(tenantRates.plenty), tenantScarce: await measure(tenantRates.scarce) }
    }
    case 'rollouts': {
      const measure = (place: Place) => measureManyRollouts(place, amount, rolloutsSeconds)
      return { rollouts: await inPlace({ routes: manyRoutes(amount) }, command, measure) }
    }
    case 'half-pairs':
      return { halfPairs: await onServers(command, amount) }
  }
}

async function inPlace<T>(options: PlaceOptions, command: string, act: (place: Place) => Promise<T>): Promise<Part<T>> {
  const place = await openPlace(options)
  try {
    return await measured(place.stack.dir, command, () => act(place))
  } finally {
    await place.stop()
  }
}

async function onServers(command: string, pairs: number): Promise<NonNullable<LimitsResults['halfPairs']>> {
  const stack = await startStack({ ephemeral: true })
  try {
    await stack.stop('clickhouse')
    await stack.stop('redis')
    return await measured(stack.dir, command, () => measureHalfPairs(stack, pairs))
  } finally {
    await stack.stop()
  }
}
