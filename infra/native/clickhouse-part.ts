import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repositoryRoot } from './config.ts'
import { type Part, type PartPlace, probeTimeoutMs } from './part.ts'
import type { StackState } from './state.ts'

const defaultMemoryBytes = 1_200_000_000
const graceMs = 10_000
const configuration = join(repositoryRoot, 'infra', 'clickhouse')
const keeper = fileURLToPath(new URL('./clickhouse-keeper.ts', import.meta.url))
const host = fileURLToPath(new URL('./clickhouse-host.ts', import.meta.url))

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** What infra/clickhouse/*.xml take from the environment. Only digests: the passwords are in the state file alone. */
export function clickHouseEnvironment(
  state: StackState,
  logs: string,
  probePassword: string,
): Readonly<Record<string, string>> {
  return {
    PENSTOCK_CLICKHOUSE_USERS_FILE: join(configuration, 'users.xml'),
    PENSTOCK_CLICKHOUSE_MEMORY_BYTES: String(state.clickHouseMemoryBytes ?? defaultMemoryBytes),
    PENSTOCK_CLICKHOUSE_LOG: join(logs, 'clickhouse.log'),
    PENSTOCK_CLICKHOUSE_ERROR_LOG: join(logs, 'clickhouse.errors.log'),
    PENSTOCK_CLICKHOUSE_ADMIN_SHA256: sha256(state.passwords.admin),
    PENSTOCK_CLICKHOUSE_WRITER_SHA256: sha256(state.passwords.writer),
    PENSTOCK_CLICKHOUSE_READER_SHA256: sha256(state.passwords.reader),
    PENSTOCK_CLICKHOUSE_PROBE_SHA256: sha256(probePassword),
  }
}

export const clickHousePart: Part = {
  name: 'clickhouse',
  // Longer than the keeper's own patience, so that the keeper is never killed before it has ended the server.
  graceMs: graceMs + 3000,

  async prepare(place, state) {
    const { modules, library } = state.programs.clickhouse
    const data = join(place.dir, 'data')
    await mkdir(data, { recursive: true, mode: 0o700 })
    const serverPidFile = join(place.dir, 'server.pid')
    await rm(serverPidFile, { force: true })
    const probePassword = randomBytes(18).toString('base64url')
    await writeFile(probeFile(place), probePassword, { mode: 0o600 })
    const server = [
      process.execPath,
      host,
      modules,
      library,
      `--config-file=${join(configuration, 'config.xml')}`,
      `--path=${data}`,
      '--listen_host=127.0.0.1',
      `--http_port=${state.choice.ports.clickhouse}`,
      '--log-level=warning',
      '--input-format=LineAsString',
      '--structure=line String',
      // The second query reads standard input, and so keeps the engine alive until that ends.
      '--query=SYSTEM START LISTEN HTTP; SELECT count() FROM table',
    ]
    return {
      command: process.execPath,
      args: [keeper, serverPidFile, String(graceMs), ...server],
      cwd: data,
      env: clickHouseEnvironment(state, place.logs, probePassword),
      serverPidFile,
    }
  },

  async probe(state, _server, place) {
    try {
      const answer = await query(state, 'probe', readFileSync(probeFile(place), 'utf8'), 'SELECT 1')
      if (answer.trim() !== '1') return `SELECT 1 answers ${answer.slice(0, 80)}`
      // Idempotent, and the one thing clients cannot do for themselves: they log in to this database.
      await query(state, 'admin', state.passwords.admin, `CREATE DATABASE IF NOT EXISTS ${state.database}`)
      return null
    } catch (error) {
      return (error as Error).message
    }
  },
}

/** The probe's password is new at every start, so an answer to it cannot come from a neighbour on the same port. */
function probeFile(place: PartPlace): string {
  return join(place.dir, 'probe.password')
}

async function query(state: StackState, user: string, password: string, sql: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${state.choice.ports.clickhouse}/`, {
    method: 'POST',
    body: sql,
    headers: { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password, Connection: 'close' },
    signal: AbortSignal.timeout(probeTimeoutMs),
  })
  const text = await response.text()
  if (response.ok) return text
  throw new Error(`answers ${response.status}: ${text.slice(0, 300)}`)
}
