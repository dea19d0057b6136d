import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressesOf, clusterIdFrom, newState, readState, withPart, writeState } from './state.ts'

let dir = ''

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'penstock-state-'))
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

const choice = {
  ports: { kafka: 1, kafkaController: 2, registry: 3, redis: 4, clickhouse: 5 },
  given: [],
}
const programs = {
  java: 'java',
  kafkaLibs: 'libs',
  registry: 'registry',
  redis: { command: 'redis-server', libraryPath: null },
  clickhouse: { modules: 'modules', library: 'libchdb.so' },
}

describe('the state file', () => {
  it('comes back as it was written, for its owner only, with no leftovers', () => {
    const state = withPart(newState(choice, programs, false), 'redis', {
      server: { pid: 7, startedAt: '99' },
      keeper: null,
    })
    writeState(dir, state)
    writeState(dir, state)
    expect(readState(dir)).toEqual(state)
    expect(statSync(join(dir, 'state.json')).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir)).toEqual(['state.json'])
  })

  it('is null where no stack was started', () => {
    expect(readState(join(dir, 'nowhere'))).toBeNull()
  })

  it.each(['', '{', '{"version":2}', '{"version":1}', '{"version":1,"parts":{}}', 'null'])(
    'refuses %j and says how to go on',
    (text) => {
      writeFileSync(join(dir, 'state.json'), text)
      expect(() => readState(dir)).toThrow(/run `npm run stack -- reset`/)
    },
  )

  it('names the cluster so that no tool takes the name for an option', () => {
    expect(clusterIdFrom(new Uint8Array(16).fill(0xfa))).toMatch(/^[^-]/)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(clusterIdFrom(bytes)).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
      }),
    )
  })

  it('has other passwords for every user and every stack', () => {
    const passwords = [newState(choice, programs, false), newState(choice, programs, true)].flatMap((state) =>
      Object.values(state.passwords),
    )
    expect(new Set(passwords).size).toBe(6)
    expect(passwords.every((password) => password.length >= 20)).toBe(true)
  })

  it('gives addresses in the form that configuration takes', () => {
    const state = newState(choice, programs, false)
    expect(addressesOf(state)).toMatchObject({
      kafka: { brokers: '127.0.0.1:1' },
      registry: { url: 'http://127.0.0.1:3/apis/ccompat/v7' },
      redis: { url: 'redis://127.0.0.1:4' },
      clickhouse: { url: 'http://127.0.0.1:5', database: 'penstock', users: { reader: { user: 'reader' } } },
    })
  })
})
