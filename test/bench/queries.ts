import { fileURLToPath } from 'node:url'
import { type Stack, startStack } from '../../infra/native/stack.ts'
import { type ClickHouseStore, openClickHouse } from '../../services/platform/clickhouse/clickhouse-store.ts'
import { runMigrations } from '../../services/platform/clickhouse/migrations.ts'
import { readOptions } from '../support/options.ts'
import { asReader } from './queries/ask.ts'
import { days, generate } from './queries/generate.ts'
import { measureQuestion } from './queries/measure.ts'
import { questionsOf } from './queries/questions.ts'
import { type QueryResults, type SizeResult, tablesOf } from './queries/tables.ts'
import { keepResults } from './support/keep-results.ts'
import { thisMachine } from './support/machine.ts'

const help = `node test/bench/queries.ts [options]

How long every shipped question takes at so many pairs, which are generated inside a ClickHouse of its own: four weeks of traffic, 20 runs.

  --rows 1,10,50   million pairs, ascending; each adds to what is there
  --turns N        how often a question is asked (default 20), each time with another run, route or time
  --within S       seconds after which no further turn begins, five at least (default 10)
  --only TEXT      questions whose name holds it
  --plans          print the plans of slow ones
  --write          keep the numbers
`
const values = readOptions(help, {
  rows: { type: 'string', default: '1,10,50' },
  turns: { type: 'string', default: '20' },
  within: { type: 'string', default: '10' },
  only: { type: 'string', default: '' },
  plans: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
})
const database = 'penstock_bench_queries'
const migrations = fileURLToPath(new URL('../../schemas/clickhouse', import.meta.url))
/** For generating and merging; one question may still use no more than the reader's account allows. */
const storeBytes = 8_000_000_000
const dayMs = 86_400_000
const options = { turns: Number(values.turns), withinMs: Number(values.within) * 1_000, slowMs: 1_000 }
const say = (text: string) => void process.stderr.write(`${text}\n`)

async function openEmpty({ url, users }: Stack['clickhouse']): Promise<ClickHouseStore> {
  const outside = openClickHouse({ url, ...users.admin, database: 'default' })
  await outside.command(`CREATE DATABASE ${database}`).finally(() => outside.stop())
  const store = openClickHouse({ url, ...users.admin, database, requestTimeoutMs: 600_000 })
  await runMigrations(store, migrations)
  return store
}

/** Until what was written is merged as far as it will be for now: a table that was filled over weeks has been. */
async function merged(store: ClickHouseStore): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    const rows = await store.query('SELECT 1 FROM system.merges WHERE database = {database:String} LIMIT 1', {
      database,
    })
    quiet = rows.length === 0 ? quiet + 1 : 0
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

async function measureSize(
  stack: Stack,
  store: ClickHouseStore,
  millionPairs: number,
  before: number,
  portion: number,
) {
  const beginMs = Math.floor(Date.now() / dayMs) * dayMs - days * dayMs
  const begunMs = performance.now()
  await generate(store, { beginMs, from: before * 1e6, to: millionPairs * 1e6, portion })
  await merged(store)
  const generateSeconds = (performance.now() - begunMs) / 1_000
  say(`${millionPairs} million pairs: generated in ${Math.round(generateSeconds)} s`)
  const ask = asReader(stack.clickhouse, database)
  const cells: SizeResult['cells'][number][] = []
  for (const asked of questionsOf(beginMs).filter(({ name }) => name.includes(values.only))) {
    const cell = await measureQuestion(ask, asked, options)
    const { p50, p99, count } = cell.times
    say(
      `${millionPairs} million: ${cell.name}, ${cell.span}: ${cell.refused ?? `${Math.round(p50)} / ${Math.round(p99)} ms of ${count}, ${(cell.rowsRead / 1e6).toFixed(2)} million rows`}`,
    )
    if (values.plans && cell.plan !== null) say(cell.plan)
    cells.push(cell)
  }
  const parts = await store.query<{ table: string; rows: number; bytes: number }>(
    'SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = {database:String} GROUP BY table',
    { database },
  )
  const rowsOf = (table: string) => Number(parts.find((part) => part.table === table)?.rows ?? 0)
  const diskGB = parts.reduce((sum, { bytes }) => sum + Number(bytes), 0) / 1e9
  return { millionPairs, rows: { legs: rowsOf('legs'), evidence: rowsOf('evidence') }, diskGB, generateSeconds, cells }
}

async function main(): Promise<void> {
  const asked = values.rows.split(',').map(Number)
  const machine = thisMachine()
  const stack = await startStack({ ephemeral: true, clickHouseMemoryBytes: storeBytes })
  try {
    for (const part of ['kafka', 'registry', 'redis'] as const) await stack.stop(part)
    const store = await openEmpty(stack.clickhouse)
    const sizes: SizeResult[] = []
    for (const [portion, millionPairs] of asked.entries())
      sizes.push(await measureSize(stack, store, millionPairs, asked[portion - 1] ?? 0, portion))
    await store.stop()
    const measured: QueryResults = { machine, command: 'node test/bench/queries.ts --write', ...options, sizes }
    const text = tablesOf(measured)
    process.stdout.write(`${text}\n`)
    if (values.write) keepResults('queries', measured, text)
  } finally {
    await stack.stop()
  }
}

await main()
