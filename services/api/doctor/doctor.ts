import { codeVersion } from '../../domain/gate/code-version.ts'
import type { Clock } from '../../domain/time/clock.ts'
import type { ClickHouseStore } from '../../platform/clickhouse/clickhouse-store.ts'
import type { BrokerInspector } from '../../platform/kafka/broker-inspector.ts'
import type { RedisFacts } from '../../platform/redis/redis-probe.ts'
import type { Api } from '../api-types.ts'
import type { ReadModel } from '../read-model.ts'
import type { Signs } from '../signs.ts'
import { lookAtBroker } from './broker-checks.ts'
import { type Check, unknown, within } from './check.ts'
import { type ClockDifference, differencesOf, judgeClocks, measured } from './clock-check.ts'
import { lookAtControl } from './control-checks.ts'
import { lookAtRedis } from './redis-check.ts'
import { lookAtSchemas } from './schema-check.ts'
import { lookAtStore, storeNowMs } from './store-check.ts'

export interface DoctorDeps {
  readonly clock: Clock
  readonly brokers: string
  /** Opens connections of its own: those that serve wait for a broker that is away. */
  inspect(): BrokerInspector
  readonly registryUrl: string
  readonly store: ClickHouseStore | null
  readonly migrations: string
  readonly redis: (() => Promise<RedisFacts>) | null
  /** What the API keeps from the control topics; null before it has read them to their ends. */
  control(): { readonly model: ReadModel; readonly signs: Signs } | null
  /** What one look may take; looks run side by side, and a report is there in little more than twice this. Default 4 s. */
  readonly withinMs?: number
}

const defaultWithinMs = 4_000

export interface Doctor {
  /** Looks at everything; never rejects and never hangs. Callers at the same time share one look. */
  report(): Promise<Api['DoctorReport']>
}

export function createDoctor(deps: DoctorDeps): Doctor {
  let looking: Promise<Api['DoctorReport']> | null = null
  return {
    report() {
      looking ??= look(deps).finally(() => {
        looking = null
      })
      return looking
    },
  }
}

async function look(deps: DoctorDeps): Promise<Api['DoctorReport']> {
  const { clock, withinMs = defaultWithinMs } = deps
  const inspector = deps.inspect()
  const parts = await Promise.all([
    lookAtBroker({ inspector, brokers: deps.brokers, nowMs: clock.nowMs(), withinMs }),
    lookAtSchemas(deps.registryUrl, withinMs),
    lookAtStore({ store: deps.store, migrations: deps.migrations, withinMs }),
    lookAtRedis(deps.redis, withinMs),
    control(deps),
    clocks(deps, withinMs),
  ]).finally(() => void inspector.close().catch(() => undefined))
  return { version: codeVersion, at: clock.nowMs(), checks: parts.flat() }
}

async function control({ control: known, clock }: DoctorDeps): Promise<readonly Check[]> {
  const seen = known()
  if (seen !== null) return lookAtControl({ ...seen, clock })
  return (['gates', 'routers', 'brakes'] as const).map((part) =>
    unknown(part, 'this API has not read the control topics to their ends yet'),
  )
}

async function clocks(
  { store, redis, control: known, clock }: DoctorDeps,
  withinMs: number,
): Promise<readonly Check[]> {
  const ask = async (whose: string, act: () => Promise<number>): Promise<readonly ClockDifference[]> => {
    const askedAtMs = clock.nowMs()
    try {
      return [measured(whose, askedAtMs, await within(withinMs, act), clock.nowMs())]
    } catch {
      // Whoever does not answer has a line of its own.
      return []
    }
  }
  const seen = known()
  const differences = await Promise.all([
    ...(store === null ? [] : [ask('store', () => storeNowMs(store))]),
    ...(redis === null ? [] : [ask('redis', async () => (await redis()).nowMs)]),
  ])
  return judgeClocks([...(seen === null ? [] : differencesOf(seen.signs)), ...differences.flat()])
}
