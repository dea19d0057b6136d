import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inheritedEnvironment } from '../../infra/native/config.ts'
import { findMarked, identify, isAlive } from '../../infra/native/processes.ts'
import { openStack, type Stack, startStack } from '../../infra/native/stack.ts'
import { type PartName, partNames, readState, type StackAddresses } from '../../infra/native/state.ts'
import { patchKafkajsTimer } from '../../services/platform/kafka/timer-patch.ts'
import { testServers, testStack } from '../support/stack.ts'

patchKafkajsTimer()
// In the folder of the test run's own stack, so that it ends with the run even when that is killed.
const dir = join(testServers().dir, 'native-stack-test')
const script = fileURLToPath(new URL('../../infra/native/cli.ts', import.meta.url))
const environment = inheritedEnvironment()
const path = environment['PATH'] ?? ''

/** Shorter than a test may take, so that what hangs can say how far it came. */
const runWithinMs = 80_000

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { HOME: environment['HOME'] ?? '', PATH: path, ...cache, ...env },
  })
}

/** What the test run downloaded: a download of its own would lack what this machine's environment says about certificates and proxies. */
const cacheDir = environment['PENSTOCK_CACHE_DIR']
const cache: Record<string, string> = cacheDir === undefined ? {} : { PENSTOCK_CACHE_DIR: cacheDir }

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = start(args, env)
  const collected = { out: '', err: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    collected.out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    collected.err += text
  })
  const late = setTimeout(() => child.kill('SIGKILL'), runWithinMs)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(late)
  if (signal === 'SIGKILL') throw new Error(`${args.join(' ')} did not end; it had said: ${collected.err}`)
  return { code, ...collected }
}

async function up(): Promise<StackAddresses> {
  const { code, out, err } = await run(['up', '--json', '--dir', dir])
  expect(err).toContain('ready on')
  expect(code).toBe(0)
  return JSON.parse(out) as StackAddresses
}

/** Everything that runs of the stack in our folder, as the kernel knows it: part to process ids. */
function running(): Readonly<Record<string, readonly number[]>> {
  const prefix = `${realpathSync(dir)}#`
  return Object.fromEntries(
    [...findMarked(prefix)].map(([mark, ids]) => [mark.slice(prefix.length), ids.map(({ pid }) => pid)]),
  )
}

function processOf(name: string): number {
  const pid = running()[name]?.[0]
  // Zero would be the whole process group of this test.
  if (pid === undefined || pid <= 1) throw new Error(`${name} does not run`)
  return pid
}

const whole = {
  kafka: [expect.any(Number)],
  registry: [expect.any(Number)],
  redis: [expect.any(Number)],
  clickhouse: [expect.any(Number)],
  'clickhouse-keeper': [expect.any(Number)],
}

beforeAll(() => mkdirSync(dir, { recursive: true }))
afterAll(async () => void (await run(['reset', '--dir', dir])))

describe.sequential('npm run stack', () => {
  it('ends in a whole stack, one process per part, however often starting it was killed', async () => {
    for (const afterMs of [150, 350, 700, 1200, 2500]) {
      const child = start(['up', '--dir', dir])
      // Listened for from the start: where the parts ran already, the command may be through before it is killed.
      const closed = once(child, 'close')
      await sleep(afterMs)
      child.kill('SIGKILL')
      await closed
    }
    await up()
    expect(running()).toEqual(whole)
  })

  it('is idempotent: a second up changes nothing and says the same', async () => {
    const [first, before] = [await up(), running()]
    expect(await up()).toEqual(first)
    expect(running()).toEqual(before)
  })

  it('lets two start at the same time', async () => {
    await run(['down', '--dir', dir])
    const [one, other] = await Promise.all([up(), up()])
    expect(one).toEqual(other)
    expect(running()).toEqual(whole)
  })

  it('tells status as JSON and by its exit code', async () => {
    const addresses = await up()
    const { code, out } = await run(['status', '--json', '--dir', dir])
    expect(code).toBe(0)
    const said = JSON.parse(out)
    expect(said).toMatchObject({ ready: true, ...addresses })
    expect(partNames.map((name) => [said.parts[name].condition, said.parts[name].pid])).toEqual(
      partNames.map((name) => ['ready', running()[name]?.[0]]),
    )
  })

  it.each(['kafka', 'registry', 'redis', 'clickhouse', 'clickhouse-keeper'])(
    'mends %s after kill -9, on the same ports',
    async (name) => {
      const before = await up()
      const victim = processOf(name)
      process.kill(victim, 'SIGKILL')
      await expect.poll(async () => (await run(['status', '--dir', dir])).code, { timeout: 20_000 }).toBe(1)
      expect(await up()).toEqual(before)
      expect(running()).toEqual(whole)
      expect(running()[name]).not.toContain(victim)
    },
  )

  it('stops only what it started', async () => {
    await up()
    const bystander = spawn('sleep', ['600'])
    const id = identify(bystander.pid ?? 0)
    const file = join(dir, 'state.json')
    const state = JSON.parse(readFileSync(file, 'utf8'))
    // As after a restart of the machine: the pid that was Redis's is somebody else's now.
    const redis = state.parts.redis.server
    state.parts.redis.server = { ...redis, pid: bystander.pid }
    writeFileSync(file, JSON.stringify(state))
    expect((await run(['down', '--dir', dir])).code).toBe(0)
    expect(running()).toEqual({})
    expect(id !== null && isAlive(id)).toBe(true)
    bystander.kill()
    const neighbours = await testStack().status()
    expect(partNames.map((name) => neighbours[name].condition)).toEqual(['ready', 'ready', 'ready', 'ready'])
  })

  it('stops what runs although its state file is gone, and does not start over the data', async () => {
    await up()
    const file = join(dir, 'state.json')
    const state = readFileSync(file, 'utf8')
    rmSync(file)
    const refused = await run(['up', '--dir', dir])
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('holds data of a stack but no state.json')])
    expect(running()).toEqual(whole)
    expect((await run(['down', '--dir', dir])).code).toBe(0)
    expect(running()).toEqual({})
    writeFileSync(file, state)
  })

  it('down on what is down is content, status is not', async () => {
    expect((await run(['down', '--dir', dir])).code).toBe(0)
    const { code, out } = await run(['status', '--dir', dir])
    expect([code, out]).toEqual([1, expect.stringContaining('stopped')])
  })

  it('says which port is taken and by which flag another is chosen', async () => {
    const server = createServer()
    const port = await new Promise<number>((done) => {
      server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port))
    })
    const { code, err } = await run(['up', '--dir', dir, '--ports', `redis=${port}`])
    server.close()
    expect(code).toBe(1)
    expect(err).toContain(`port ${port} for redis is in use by another program`)
    expect(err).toContain('--ports redis=<another>')
  })

  it('reset removes data and state, and nothing it did not make', async () => {
    writeFileSync(join(dir, 'notes.txt'), 'mine')
    await up()
    expect((await run(['reset', '--dir', dir])).code).toBe(0)
    expect(running()).toEqual({})
    expect((await run(['status', '--dir', dir])).out).toContain('nothing was started')
    expect(readFileSync(join(dir, 'notes.txt'), 'utf8')).toBe('mine')
  })
})

describe('what is missing', () => {
  const bare = join(dir, 'bin')
  const withTools = (...tools: readonly (readonly [string, string])[]): Record<string, string> => {
    const folder = join(bare, tools.map(([name]) => name).join('-') || 'none')
    mkdirSync(folder, { recursive: true })
    for (const [name, target] of tools) symlinkSync(target, join(folder, name))
    return { PATH: folder, PENSTOCK_CACHE_DIR: join(dir, 'empty-cache') }
  }

  it('names Java and how to get it', async () => {
    const { code, err } = await run(['up', '--dir', join(dir, 'other')], withTools())
    expect([code, err]).toEqual([1, expect.stringMatching(/Java 17 or later is missing: install one .*openjdk-17/)])
  })

  it('names a Java that is too old', async () => {
    const old = join(dir, 'old-java')
    writeFileSync(old, '#!/bin/sh\necho \'openjdk version "11.0.2"\' >&2\n', { mode: 0o755 })
    const { code, err } = await run(['up', '--dir', join(dir, 'other')], withTools(['java', old]))
    expect([code, err]).toEqual([1, expect.stringContaining('Java 11 is too old, 17 or later is needed')])
  })

  it('names Maven and how to get it', async () => {
    const java = join(dir, 'new-java')
    writeFileSync(java, '#!/bin/sh\necho \'openjdk version "17.0.2"\' >&2\n', { mode: 0o755 })
    const env = withTools(['java', java], ['sh', '/bin/sh'])
    const { code, err } = await run(['up', '--dir', join(dir, 'other')], env)
    expect([code, err]).toEqual([1, expect.stringMatching(/Maven is missing.*apt-get install maven/)])
  })

  it.each([
    [['fly'], '"fly" is no command'],
    [[], 'a command is missing'],
    [['up', '--port', '3'], "Unknown option '--port'"],
    [['up', '--ports', 'kafak=1'], '"kafak" is no part'],
    [['logs', 'kafak'], '"kafak" is no part'],
    [['down', 'kafka'], '"kafka" is one word too many'],
  ])('exits with 2 on %j', async (args, message) => {
    const { code, err } = await run([...args, '--dir', join(dir, 'other')])
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })
})

describe('a stack of a test run', () => {
  it('ends with its runner, also when that is killed, and leaves no folder', async () => {
    const module = new URL('../../infra/native/stack.ts', import.meta.url).href
    const program = `const { startStack } = await import(${JSON.stringify(module)});
      const stack = await startStack({ ephemeral: true, onProgress: ({ message }) => console.error(message) });
      console.log(stack.dir); setInterval(() => 0, 1e6)`
    const runner = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(runner, 'exit').then(() => {
      throw new Error('the runner ended before its stack was up')
    })
    const [line] = (await Promise.race([once(runner.stdout.setEncoding('utf8'), 'data'), ended])) as [string]
    ended.catch(() => undefined)
    const prefix = `${line.trim()}#`
    expect(findMarked(prefix).size).toBe(5)
    runner.kill('SIGKILL')
    await expect.poll(() => findMarked(prefix).size, { timeout: 20_000 }).toBe(0)
    await expect
      .poll(
        () => {
          try {
            return realpathSync(line.trim())
          } catch {
            return null
          }
        },
        { timeout: 20_000 },
      )
      .toBeNull()
  })
})

describe('one part at a time', () => {
  let stack: Stack
  const topic = 'native-stack-kept'

  beforeAll(async () => {
    await run(['up', '--dir', dir])
    stack = openStack(dir)
  })

  async function topics(): Promise<readonly string[]> {
    const admin = new Kafka({ brokers: [stack.kafka.brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    return admin.listTopics().finally(() => admin.disconnect())
  }

  async function makeTopic(): Promise<void> {
    const admin = new Kafka({ brokers: [stack.kafka.brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] }).finally(() => admin.disconnect())
  }

  const subjects = async (): Promise<unknown> => (await fetch(`${stack.registry.url}/subjects`)).json()

  function clickhouse(user: 'admin' | 'writer' | 'reader') {
    const { users, url, database } = stack.clickhouse
    const { password } = users[user]
    return createClient({ url, username: user, password, database, log: { level: ClickHouseLogLevel.OFF } })
  }

  async function rows(): Promise<unknown> {
    const client = clickhouse('reader')
    return client
      .query({ query: 'SELECT n FROM kept', format: 'JSONEachRow' })
      .then((answer) => answer.json())
      .finally(() => client.close())
  }

  it.each(['kafka', 'registry'] as const)('starts %s from the archive of its classes', async (name) => {
    const archive = readState(dir)?.programs.classArchives?.[name] ?? ''
    expect(existsSync(archive)).toBe(true)
    expect(readFileSync(`/proc/${(await stack.status())[name].pid}/maps`, 'utf8')).toContain(archive)
  })

  it('keeps what was acknowledged over kill -9 and comes back on the same port', async () => {
    await makeTopic()
    await fetch(`${stack.registry.url}/subjects/kept/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema: '"string"' }),
    })
    const admin = clickhouse('admin')
    await admin.command({ query: 'CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n' })
    await admin.close()
    const writer = clickhouse('writer')
    await writer.insert({ table: 'kept', values: [{ n: 7 }], format: 'JSONEachRow' })
    await writer.close()
    for (const name of partNames) await stack.kill(name, 'SIGKILL')
    const killed = await stack.status()
    expect(partNames.map((name) => killed[name].condition)).toEqual(['stopped', 'stopped', 'stopped', 'stopped'])
    for (const name of partNames) await stack.start(name)
    expect(await topics()).toContain(topic)
    expect(await subjects()).toEqual(['kept'])
    expect(await rows()).toEqual([{ n: 7 }])
    expect(running()).toEqual(whole)
  })

  it.each<PartName>(['kafka', 'registry', 'redis', 'clickhouse'])('pauses and resumes %s', async (name) => {
    await stack.pause(name)
    await expect.poll(async () => (await stack.status())[name].condition).toBe('paused')
    await stack.resume(name)
    await expect.poll(async () => (await stack.status())[name].condition, { timeout: 20_000 }).toBe('ready')
  })

  it('is not put under a reaper by a test run that names its folder', async () => {
    await expect(startStack({ dir, ephemeral: true })).rejects.toThrow('holds a stack that stays')
    expect(running()).toEqual(whole)
  })

  it('stops one cleanly and leaves the others alone', async () => {
    await stack.stop('redis')
    const status = await stack.status()
    expect(partNames.map((name) => status[name].condition)).toEqual(['ready', 'ready', 'stopped', 'ready'])
    await stack.start('redis')
    expect((await stack.status()).redis.condition).toBe('ready')
  })

  it.each([
    ['reader', 'INSERT INTO kept VALUES (1)'],
    ['reader', 'CREATE TABLE other (n UInt8) ENGINE = MergeTree ORDER BY n'],
    ['reader', 'SELECT * FROM system.processes'],
    ['writer', 'DROP TABLE kept'],
    ['writer', 'CREATE DATABASE elsewhere'],
    ['admin', 'CREATE DATABASE elsewhere'],
    ['reader', "SELECT * FROM file('/etc/passwd', LineAsString)"],
    ['reader', "SELECT * FROM url('http://127.0.0.1:1', LineAsString)"],
  ] as const)('%s may not: %s', async (user, query) => {
    const client = clickhouse(user)
    await expect(client.command({ query }).finally(() => client.close())).rejects.toThrow(
      /Not enough privileges|readonly/,
    )
  })
})
