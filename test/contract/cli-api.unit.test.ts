import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { ApiProblem } from '../../services/api/problem.ts'
import { file, latched, newWorld, serverOf, type World } from '../../services/api/sample-api.ts'
import { type CliConfig, loadCliConfig } from '../../services/cli/config.ts'
import { runCli } from '../../services/cli/run-cli.ts'
import type { Run } from '../../services/domain/rollout/run.ts'
import { startedRun } from '../../services/domain/rollout/sample-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'penstock-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

function written(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function apiOn(world: World, token = 'admin'): Promise<CliConfig> {
  const server = serverOf(world)
  await server.listen({ port: 0, host: '127.0.0.1' })
  stops.push(() => server.close())
  const { port } = server.server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, token, source: 'the test' }
}

/** Runs one command on virtual time: a second of sleep costs none, and `atSleep` is what happens meanwhile. */
async function penstock(config: CliConfig | null, args: readonly string[], atSleep: () => void = () => undefined) {
  const out: string[] = []
  const err: string[] = []
  let nowMs = 0
  const code = await runCli(args, {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    config: () => config ?? loadCliConfig({ PENSTOCK_CLI_FILE: join(folder, 'none.json') }),
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms
      atSleep()
    },
  })
  return { code, out: out.join(''), err: err.join('') }
}

const inPhase = (phase: Run['state']['phase'], change: Partial<Run['state']> = {}): Run => {
  const run = startedRun()
  return { ...run, state: { ...run.state, phase, ...change } }
}

describe('the commands', () => {
  const good = written('good.yaml', file)
  const bad = written('bad.yaml', `${file}stickykey: user\n`)
  const reason = ['--reason', 'because']
  const running = () => newWorld(startedRun())
  const braked = () => newWorld(latched(startedRun(), 'l1'))

  it.each([
    [0, ['lint', good], running, 'units before the first look'],
    [1, ['lint', bad], running, /bad\.yaml:9: stickykey: unknown field; did you mean `stickyKey`\?/],
    [1, ['lint', join(folder, 'none.yaml')], running, 'cannot be read'],
    [
      0,
      ['apply', good],
      () => newWorld(),
      /applied as prompt-edit-.*\n.*plan [\s\S]*shadow calls: at least \d+ to reach 100 %, \d+ with every last look; at most 100000 and \$100/,
    ],
    [1, ['apply', bad], running, 'did you mean'],
    [0, ['get'], running, 'run-1'],
    [0, ['get', 'latest'], running, 'phase     shadow'],
    [2, ['get', 'nobody'], running, 'rollouts known: sample'],
    [0, ['status', 'sample'], running, 'next'],
    [0, ['explain', 'sample'], running, /^sample \(run-1, route chat\) is in shadow: [\s\S]*decisions/],
    [5, ['pairs', 'sample'], running, 'STORE_AWAY'],
    [1, ['pairs', 'sample', '--limit', '0'], running, 'limit: must be'],
    ...(['promote', 'hold', 'resume', 'rollback', 'approve', 'reject'] as const).map(
      (verb) => [0, [verb, 'latest', ...reason], running, 'run-1: '] as const,
    ),
    [2, ['rollback', 'latest'], running, "required option '--reason <text>' not specified"],
    [0, ['kill', 'chat', ...reason], running, 'binds run-1'],
    [2, ['kill', 'chatt', ...reason], running, 'routes known: chat'],
    [2, ['release', 'chat', ...reason], running, 'no open kill'],
    [0, ['release', 'run-1', '--latch', ...reason], braked, 'run-1: '],
    [2, ['explode'], running, "unknown command 'explode'"],
    [2, ['get', '--wiat'], running, 'unknown option'],
  ] as const)('end with %d: %j', async (code, args, world, said) => {
    const answer = await penstock(await apiOn(world()), args)
    expect(answer.code, answer.err).toBe(code)
    expect(answer.out + answer.err).toMatch(said)
    // Answers go to standard output, everything else to standard error.
    expect(answer.out === '').toBe(code !== 0)
  })

  it('that are refused or not allowed say so in the words of the API', async () => {
    const world = running()
    world.refuse = new ApiProblem(409, 'REFUSED', 'a kill is open')
    expect(await penstock(await apiOn(world), ['resume', 'latest', ...reason])).toMatchObject({
      code: 1,
      err: 'REFUSED: a kill is open\n',
    })
    const viewer = await penstock(await apiOn(running(), 'viewer'), ['kill', 'chat', ...reason])
    expect(viewer).toMatchObject({ code: 2, err: expect.stringContaining('this needs operator') })
    const nobody = await penstock(await apiOn(running(), 'nobody-at-all'), ['get'])
    expect(nobody).toMatchObject({ code: 2, err: expect.stringContaining('the token came with the test') })
    expect(nobody.err).not.toContain('nobody-at-all')
  })

  it('a rollback that no controller confirms says that the latch holds', async () => {
    const world = running()
    world.refuse = new ApiProblem(504, 'NO_DECISION', 'none')
    const answer = await penstock(await apiOn(world), ['rollback', 'latest', ...reason])
    expect(answer).toMatchObject({ code: 0, out: expect.stringMatching(/latch person-.* is written/) })
  })

  it.each([
    ...['lint', 'plan', 'apply', 'get', 'status', 'promote', 'hold', 'resume', 'rollback', 'approve', 'reject'],
    ...['kill', 'release', 'explain', 'pairs', 'doctor'],
  ])('%s shows an example with --help, without any installation', async (verb) => {
    const help = await penstock(null, [verb, '--help'])
    expect(help).toMatchObject({ code: 0, err: '' })
    expect(help.out).toMatch(new RegExp(`Examples:\\n  penstock (--json )?${verb}`))
  })

  it('doctor ends with 1 when something fails, and says what and what to do', async () => {
    const world = newWorld()
    world.checks = [{ part: 'store', state: 'warn', what: 'it is full', fix: 'empty it' }]
    const warned = await penstock(await apiOn(world), ['doctor'])
    expect(warned).toMatchObject({ code: 0, err: '' })
    expect(warned.out).toMatch(
      /^ok {4}api .* answers, version .*\n.*\nwarn {2}store {9}it is full -> empty it\n\n0 failing, /,
    )
    world.checks = [{ part: 'broker', state: 'fail', what: 'no answer', fix: 'start it' }]
    expect(await penstock(await apiOn(world), ['doctor'])).toMatchObject({ code: 1 })
    const json = await penstock(await apiOn(world), ['--json', 'doctor'])
    expect(JSON.parse(json.out)).toMatchObject({ failing: 1, checks: [{ part: 'api' }, {}, world.checks[0]] })
  })

  it('doctor says what is in the way when it cannot ask', async () => {
    const nobody = await penstock(await apiOn(newWorld(), 'nobody-at-all'), ['doctor'])
    expect(nobody).toMatchObject({ code: 1, out: expect.stringMatching(/^FAIL {2}api .* -> set PENSTOCK_TOKEN/) })
    const away = await penstock({ url: 'http://127.0.0.1:1', token: 't', source: 'the test' }, ['doctor'])
    expect(away).toMatchObject({ code: 1, out: expect.stringMatching(/^FAIL {2}api .* -> start the API/) })
    expect(await penstock(null, ['doctor'])).toMatchObject({ code: 2, out: '' })
  })

  it('print JSON on demand, and what would steer a terminal not at all', async () => {
    const run = { ...startedRun(), route: 'chat\u001b[2J' }
    const config = await apiOn(newWorld(run))
    const plain = await penstock(config, ['get', 'latest'])
    expect(plain.out).toContain('route chat [2J')
    const json = await penstock(config, ['--json', 'get', 'latest'])
    expect(JSON.parse(json.out)).toMatchObject({ run: 'run-1', route: run.route })
    const wrong = await penstock(config, ['--json', 'get', 'nobody'])
    expect(JSON.parse(wrong.err)).toMatchObject({ code: 'NO_RUN' })
  })
})

describe('status --wait', () => {
  it.each([
    [0, 'completed', {}],
    [1, 'rolled_back', {}],
    [1, 'aborted', {}],
    [3, 'held', { resumePhase: 'shadow' }],
    [3, 'review', { resumePhase: 'shadow', review: 'verdict' }],
  ] as const)('ends with %d when the run becomes %s', async (code, phase, change) => {
    const world = newWorld(startedRun())
    let seconds = 0
    const answer = await penstock(await apiOn(world), ['status', 'latest', '--wait'], () => {
      seconds += 1
      if (seconds === 2) world.runs = [inPhase(phase, change)]
    })
    expect(answer).toMatchObject({ code, out: expect.stringContaining(`phase     ${phase}`) })
    expect(seconds).toBe(2)
  })

  it('ends with 4 when the time is over, and with 0 at the next stage when asked for that', async () => {
    const world = newWorld(startedRun())
    const config = await apiOn(world)
    const late = await penstock(config, ['status', 'latest', '--wait', '--timeout', '3'])
    expect(late).toMatchObject({ code: 4, err: 'gave up after 3 s\n' })
    const [first, ...others] = startedRun().state.waves
    if (first === undefined) throw new TypeError('no wave')
    const next = inPhase('canary', { waves: [{ ...first, stageIndex: 1, stageEntry: 2 }, ...others] })
    const advanced = await penstock(config, ['status', 'latest', '--wait', '--until', 'stage'], () => {
      world.runs = [next]
    })
    expect(advanced.code).toBe(0)
  })

  it('waits through an API that is away for a while, and ends with 5 when it stays away', async () => {
    const config = await apiOn(newWorld(startedRun()))
    const answer = await penstock(config, ['status', 'latest', '--wait', '--timeout', '3'], () => {
      for (const stop of stops.splice(0)) void stop()
    })
    expect(answer.code).toBe(5)
    expect(answer.err).toContain('asking again')
  })
})

describe('where the API is', () => {
  it.each([
    [
      { PENSTOCK_URL: 'http://a:1/', PENSTOCK_TOKEN: 't' },
      { url: 'http://a:1', token: 't', source: 'PENSTOCK_URL' },
    ],
    [{ PENSTOCK_CLI_FILE: written('cli.json', '{"url":"http://b:2","token":"u"}') }, { url: 'http://b:2', token: 'u' }],
  ])('is found by %j', (env, found) => {
    expect(loadCliConfig(env)).toMatchObject(found)
  })

  it.each([
    [{ PENSTOCK_URL: 'http://a:1' }, 'PENSTOCK_TOKEN is not'],
    [{ PENSTOCK_TOKEN: 't' }, 'PENSTOCK_URL is not'],
    [{ PENSTOCK_URL: 'a:1', PENSTOCK_TOKEN: 't' }, 'is no address'],
    [{ PENSTOCK_URL: 'http://a:1', PENSTOCK_TOKEN: 'two words' }, 'is empty or has spaces'],
    [{ PENSTOCK_CLI_FILE: join(folder, 'none.json') }, 'Start one with `npm start`'],
    [{ PENSTOCK_CLI_FILE: written('broken.json', '{') }, 'cannot be used'],
    [{ PENSTOCK_CLI_FILE: written('empty.json', '{}') }, 'names no url and token'],
  ])('is not guessed from %j', (env, said) => {
    expect(() => loadCliConfig(env)).toThrow(said)
  })

  it('without an installation a command ends with 2 and says how to get one; nothing listening ends with 5', async () => {
    expect(await penstock(null, ['get'])).toMatchObject({ code: 2, err: expect.stringContaining('npm start') })
    const nobody = { url: 'http://127.0.0.1:1', token: 't', source: 'the test' }
    const away = await penstock(nobody, ['kill', 'chat', '--reason', 'x'])
    expect(away).toMatchObject({ code: 5, err: expect.stringContaining('no answer from http://127.0.0.1:1') })
    // Whoever wants the candidate gone is told what works without the API.
    expect(away.err).toContain('PENSTOCK_GATEWAY_KILL_FILE')
  })
})
