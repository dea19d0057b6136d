import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClickHouseError, type ClickHouseStore } from './clickhouse-store.ts'

export interface MigrationResult {
  readonly applied: readonly string[]
  readonly present: readonly string[]
}

/**
 * Applies the numbered files of a folder in order, each once. Every statement must be idempotent (a crash may repeat it); an applied file
 * that was changed afterwards is refused, because other installations already have the old one.
 */
export async function runMigrations(store: ClickHouseStore, folder: string): Promise<MigrationResult> {
  await store.command(
    'CREATE TABLE IF NOT EXISTS penstock_migrations (name String, digest String, applied_at DateTime64(3) DEFAULT now64(3)) ENGINE = ReplacingMergeTree(applied_at) ORDER BY name',
  )
  const done = new Map(
    (await store.query<{ name: string; digest: string }>('SELECT name, digest FROM penstock_migrations FINAL')).map(
      (row) => [row.name, row.digest],
    ),
  )
  const applied: string[] = []
  const present: string[] = []
  for (const [name, digest] of migrationDigests(folder)) {
    const known = done.get(name)
    if (known !== undefined && known !== digest) {
      throw new ClickHouseError(`migration ${name} was changed after it had been applied; add a new file instead`, {
        code: 'MIGRATION_CHANGED',
      })
    }
    if (known !== undefined) {
      present.push(name)
      continue
    }
    for (const statement of statementsOf(readFileSync(join(folder, name), 'utf8'))) await store.command(statement)
    await store.command(`INSERT INTO penstock_migrations (name, digest) VALUES ('${name}', '${digest}')`)
    applied.push(name)
  }
  return { applied, present }
}

/** Name → SHA-256 in hex of every migration of a folder, in their order. Throws ClickHouseError when their names or numbers are wrong. */
export function migrationDigests(folder: string): ReadonlyMap<string, string> {
  return new Map(
    migrationNames(folder).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name), 'utf8'))
        .digest('hex'),
    ]),
  )
}

function migrationNames(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  const wrong = names.find((name) => !/^\d{4}_[a-z0-9_]+\.sql$/.test(name))
  if (wrong !== undefined)
    throw new ClickHouseError(`${wrong} is no migration name; use NNNN_verb_table_v1.sql`, { code: 'MIGRATION_NAME' })
  names.sort()
  // Two branches that each added "the next number" would be applied in an order that nobody chose.
  const misnumbered = names.find((name, index) => Number(name.slice(0, 4)) !== index + 1)
  if (misnumbered !== undefined)
    throw new ClickHouseError(`${misnumbered} does not have the number that follows the one before it`, {
      code: 'MIGRATION_NUMBER',
    })
  return names
}

/** Statements end with a semicolon at the end of a line; comment lines are dropped. */
function statementsOf(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('--'))
    .join('\n')
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
