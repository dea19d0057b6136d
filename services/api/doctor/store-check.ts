import type { ClickHouseStore } from '../../platform/clickhouse/clickhouse-store.ts'
import { migrationDigests } from '../../platform/clickhouse/migrations.ts'
import { type Check, count, fail, listed, ok, reasonOf, warn, within } from './check.ts'

export interface StoreLook {
  readonly store: ClickHouseStore | null
  /** Folder of the migrations that this code was made with. */
  readonly migrations: string
  readonly withinMs: number
}

const deployFix = 'run the deploy step: npm run deploy'
const changing = /\b(INSERT|ALTER|CREATE|DROP|TRUNCATE|ALL)\b/

/** The store answers, has the tables of this code, and lets the reader read and nothing else. */
export async function lookAtStore({ store, migrations, withinMs }: StoreLook): Promise<readonly Check[]> {
  if (store === null)
    return [
      warn(
        'store',
        'this API has none, so pairs and evidence cannot be shown',
        'set PENSTOCK_CLICKHOUSE_URL of the API',
      ),
    ]
  let version = 'unknown'
  try {
    const [row] = await within(withinMs, () => store.query<{ version: string }>('SELECT version() AS version'))
    version = row?.version ?? version
  } catch (error) {
    const fix = 'start ClickHouse, or mend PENSTOCK_CLICKHOUSE_URL and its reader; gates and rollbacks go on without it'
    return [fail('store', `no answer: ${reasonOf(error)}`, fix)]
  }
  try {
    const checks = await within(withinMs, async () => [
      ...(await judgeMigrations(store, migrations)),
      ...(await judgeReader(store)),
    ])
    return checks.length > 0
      ? checks
      : [ok('store', `ClickHouse ${version}, all migrations applied, the reader reads and changes nothing`)]
  } catch (error) {
    return [
      fail(
        'store',
        `the reader cannot look at it: ${reasonOf(error)}`,
        `${deployFix}; and give the reader the rights of infra/clickhouse/users.d/penstock.xml`,
      ),
    ]
  }
}

async function judgeMigrations(store: ClickHouseStore, folder: string): Promise<readonly Check[]> {
  const done = await store.query<{ name: string; digest: string }>('SELECT name, digest FROM penstock_migrations FINAL')
  const applied = new Map(done.map(({ name, digest }) => [name, digest]))
  const wanted = migrationDigests(folder)
  const missing = [...wanted.keys()].filter((name) => !applied.has(name))
  const changed = [...wanted].filter(([name, digest]) => (applied.get(name) ?? digest) !== digest).map(([name]) => name)
  const foreign = [...applied.keys()].filter((name) => !wanted.has(name))
  return [
    ...(missing.length === 0
      ? []
      : [fail('store', `${count(missing.length, 'migration')} not applied: ${listed(missing)}`, deployFix)]),
    ...(changed.length === 0
      ? []
      : [
          fail(
            'store',
            `applied in another form: ${listed(changed)}`,
            'this API and the deploy step are of different versions: use one',
          ),
        ]),
    ...(foreign.length === 0
      ? []
      : [warn('store', `the store is newer than this API: ${listed(foreign)}`, 'upgrade the API')]),
  ]
}

async function judgeReader(store: ClickHouseStore): Promise<readonly Check[]> {
  const grants = (await store.query<Record<string, string>>('SHOW GRANTS')).flatMap((row) => Object.values(row))
  const tooMuch = grants.filter((grant) => changing.test(grant.replace(/ TO .*$/, '')))
  return tooMuch.length === 0
    ? []
    : [
        warn(
          'store',
          `the reader may change the store: ${listed(tooMuch, 1)}`,
          'use the account reader of infra/clickhouse/users.d/penstock.xml',
        ),
      ]
}

/** The store's clock, ms since the epoch. */
export async function storeNowMs(store: ClickHouseStore): Promise<number> {
  const [row] = await store.query<{ ms: number }>('SELECT toUnixTimestamp64Milli(now64(3)) AS ms')
  if (row === undefined) throw new TypeError('a SELECT without a table has one row')
  return Number(row.ms)
}
