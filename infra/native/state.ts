import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PortChoice } from './ports.ts'
import type { ProcessId } from './processes.ts'
import type { Programs } from './programs.ts'
import { StackError } from './stack-error.ts'

export const partNames = ['kafka', 'registry', 'redis', 'clickhouse'] as const
export type PartName = (typeof partNames)[number]

export interface PartProcesses {
  /** The server itself; null while it is not started. */
  readonly server: ProcessId | null
  /** The process that holds ClickHouse's standard input; null for the others. */
  readonly keeper: ProcessId | null
}

export type UserName = 'admin' | 'writer' | 'reader'

/** Everything a later run must know about a stack. Holds passwords: the file is for its owner only. */
export interface StackState {
  readonly version: 1
  readonly choice: PortChoice
  readonly clusterId: string
  readonly database: string
  readonly passwords: Readonly<Record<UserName, string>>
  /** Where the programs were when it was started, so that one part can be started again without looking. */
  readonly programs: Programs
  readonly ephemeral: boolean
  /** As the last start wished it; a small server when it did not say. */
  readonly clickHouseMemoryBytes?: number
  readonly parts: Readonly<Record<PartName, PartProcesses>>
}

const stateFile = 'state.json'
export const noProcesses: PartProcesses = { server: null, keeper: null }

export function newState(choice: PortChoice, programs: Programs, ephemeral: boolean): StackState {
  const password = (): string => randomBytes(15).toString('base64url')
  return {
    version: 1,
    choice,
    clusterId: clusterIdFrom(randomBytes(16)),
    database: 'penstock',
    passwords: { admin: password(), writer: password(), reader: password() },
    programs,
    ephemeral,
    parts: { kafka: noProcesses, registry: noProcesses, redis: noProcesses, clickhouse: noProcesses },
  }
}

/** Sixteen bytes as Kafka writes them, never beginning with "-", which Kafka's tools would take for an option. */
export function clusterIdFrom(bytes: Uint8Array): string {
  const id = Buffer.from(bytes)
  id[0] = (id[0] ?? 0) & 0x7f
  return id.toString('base64url')
}

/** The state in a folder; null when no stack was ever started there. Throws StackError (STATE) when the file cannot be understood. */
export function readState(dir: string): StackState | null {
  let text: string
  try {
    text = readFileSync(join(dir, stateFile), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const state = parse(text)
  if (state?.version === 1 && partNames.every((name) => state.parts?.[name] !== undefined)) return state
  throw new StackError(`${join(dir, stateFile)} is not a state of this version: run \`npm run stack -- reset\``, {
    code: 'STATE',
  })
}

function parse(text: string): StackState | null {
  try {
    return JSON.parse(text) as StackState
  } catch {
    return null
  }
}

/** Replaces the state as one step: a reader, or a run after kill -9, sees the old one or the new one. */
export function writeState(dir: string, state: StackState): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, stateFile)
  const fresh = `${path}.${process.pid}.new`
  writeFileSync(fresh, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  renameSync(fresh, path)
}

export function withPart(state: StackState, name: PartName, processes: PartProcesses): StackState {
  return { ...state, parts: { ...state.parts, [name]: processes } }
}

/** What clients need: addresses and accounts. */
export interface StackAddresses {
  readonly kafka: { readonly brokers: string }
  /** Base URL of the Confluent API. */
  readonly registry: { readonly url: string }
  readonly redis: { readonly url: string }
  readonly clickhouse: {
    readonly url: string
    readonly users: Readonly<Record<UserName, { readonly user: string; readonly password: string }>>
    readonly database: string
  }
}

export function addressesOf({ choice: { ports }, passwords, database }: StackState): StackAddresses {
  const user = (name: UserName) => ({ user: name, password: passwords[name] })
  return {
    kafka: { brokers: `127.0.0.1:${ports.kafka}` },
    registry: { url: `http://127.0.0.1:${ports.registry}/apis/ccompat/v7` },
    redis: { url: `redis://127.0.0.1:${ports.redis}` },
    clickhouse: {
      url: `http://127.0.0.1:${ports.clickhouse}`,
      users: { admin: user('admin'), writer: user('writer'), reader: user('reader') },
      database,
    },
  }
}
