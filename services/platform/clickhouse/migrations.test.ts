import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ClickHouseStore } from './clickhouse-store.ts'
import { runMigrations } from './migrations.ts'

/** Keeps what is inserted into the list of migrations and every other statement. */
function fakeStore() {
  const done: { name: string; digest: string }[] = []
  const statements: string[] = []
  let diesAt = Number.POSITIVE_INFINITY
  const store: Pick<ClickHouseStore, 'command' | 'query'> = {
    async command(sql) {
      if (statements.length >= diesAt) throw new Error('the server is gone')
      const [, name, digest] = /VALUES \('(.*)', '(.*)'\)/.exec(sql) ?? []
      if (name !== undefined && digest !== undefined) done.push({ name, digest })
      else if (!sql.includes('penstock_migrations')) statements.push(sql)
    },
    query: async <Row>() => [...done] as readonly unknown[] as readonly Row[],
  }
  return { store: store as ClickHouseStore, statements, dieAt: (count: number) => (diesAt = count) }
}

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'penstock-migrations-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

describe('migrations', () => {
  it('are applied in order, statement by statement, each once', async () => {
    const { store, statements } = fakeStore()
    const folder = folderOf({ '0002_b_v1.sql': '-- why\nB;\nC;\n', '0001_a_v1.sql': 'A;' })
    expect((await runMigrations(store, folder)).applied).toEqual(['0001_a_v1.sql', '0002_b_v1.sql'])
    expect(statements).toEqual(['A', 'B', 'C'])
    expect((await runMigrations(store, folder)).applied).toEqual([])
  })

  it('go on where a crash left off, repeating the file that was under way', async () => {
    const { store, statements, dieAt } = fakeStore()
    const folder = folderOf({ '0001_a_v1.sql': 'A;', '0002_b_v1.sql': 'B;\nC;' })
    dieAt(2)
    await expect(runMigrations(store, folder)).rejects.toThrow('gone')
    dieAt(Number.POSITIVE_INFINITY)
    expect((await runMigrations(store, folder)).applied).toEqual(['0002_b_v1.sql'])
    expect(statements).toEqual(['A', 'B', 'B', 'C'])
  })

  it.each([
    [{ '0001_a_v1.sql': 'A;', '0003_c_v1.sql': 'C;' }, 'MIGRATION_NUMBER'],
    [{ '0001_a_v1.sql': 'A;', '0001_b_v1.sql': 'B;' }, 'MIGRATION_NUMBER'],
    [{ '1_a.sql': 'A;' }, 'MIGRATION_NAME'],
  ])('refuse names that leave the order open: %j', async (files, code) => {
    await expect(runMigrations(fakeStore().store, folderOf(files))).rejects.toMatchObject({ code })
  })

  it('refuse a file that was changed after it had been applied', async () => {
    const { store } = fakeStore()
    const folder = folderOf({ '0001_a_v1.sql': 'A;' })
    await runMigrations(store, folder)
    writeFileSync(join(folder, '0001_a_v1.sql'), 'A2;')
    await expect(runMigrations(store, folder)).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' })
  })
})
