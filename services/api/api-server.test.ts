import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { compilePlan } from '../domain/gate/compile-plan.ts'
import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { Run } from '../domain/rollout/run.ts'
import { draftRun, startedRun } from '../domain/rollout/sample-run.ts'
import type { Logger } from '../platform/log/logger.ts'
import { readOperations } from './api-document.ts'
import { createApiServer } from './api-server.ts'
import { compileText } from './apply-rollout.ts'
import { ApiProblem } from './problem.ts'
import { ask, because, file, latched, log, metrics, newWorld, serverOf, tokens } from './sample-api.ts'

function appliedRun(text: string): Run {
  const { spec } = compileText(text, null)
  const run = draftRun(spec, 'run-of-file')
  return { ...run, plan: compilePlan(spec) }
}

describe('the document and the server', () => {
  it('name the same routes', () => {
    const operations = readOperations()
    const server = serverOf(newWorld())
    for (const { method, url } of operations) expect(server.hasRoute({ method, url }), `${method} ${url}`).toBe(true)
    const served = [...server.printRoutes({ commonPrefix: false }).matchAll(/\(([A-Z, ]+)\)/g)]
    expect(served.flatMap((match) => (match[1] ?? '').split(', ')).sort()).toEqual(
      operations.map(({ method }) => method as string).sort(),
    )
  })

  it('agree on who serves what, or the server does not start', () => {
    const none = { tokens, log, metrics }
    expect(() => createApiServer({ ...none, handlers: {} })).toThrow('nothing serves')
    const handlers = Object.fromEntries(readOperations().map(({ id }) => [id, async () => ({ status: 200, body: {} })]))
    expect(() =>
      createApiServer({ ...none, handlers: { ...handlers, dropTables: handlers['getRun'] as never } }),
    ).toThrow('does not name dropTables')
  })

  it('agree on every answer', async () => {
    const world = newWorld(startedRun())
    const server = serverOf(world)
    expect((await ask(server, 'listRuns', '/v1/runs')).body.runs).toHaveLength(1)
    for (const [operation, path] of [
      ['getRun', ''],
      ['listDecisions', '/decisions'],
      ['explainRun', '/explain'],
      ['getRunRecord', '/record'],
      ['listEvidence', '/evidence?partition=2&from=7&limit=10'],
    ] as const)
      expect((await ask(server, operation, `/v1/runs/sample${path}`)).status).toBe(200)
    expect((await ask(server, 'listPairs', '/v1/runs/run-1/pairs?limit=5')).body).toMatchObject({ code: 'STORE_AWAY' })
    const command = await ask(server, 'commandRun', '/v1/runs/run-1/commands', {
      payload: { kind: 'hold', ...because },
    })
    expect(command.status).toBe(200)
    expect((await ask(server, 'killRoute', '/v1/routes/chat/kill', { payload: because })).body.runs).toEqual(['run-1'])
    world.runs = []
    const applied = await ask(server, 'applyRollout', '/v1/runs', { payload: { text: file } })
    expect(applied).toMatchObject({ status: 201, body: { created: true, status: null } })
  })
})

describe('answers when something is away', () => {
  it('a rollback has its latch written before the controller is asked, and says so when none answers', async () => {
    const world = newWorld(startedRun())
    world.refuse = new ApiProblem(504, 'NO_DECISION', 'none')
    const payload = { kind: 'rollback', ...because }
    const answer = await ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', { payload })
    expect(world.sent.map(({ what }) => what)).toEqual(['latch', 'rollback'])
    expect(answer).toMatchObject({ status: 202, body: { decision: null, latch: expect.stringMatching(/^person-/) } })
    const other = await ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', {
      payload: { kind: 'hold', ...because },
    })
    expect(other).toMatchObject({ status: 504, body: { code: 'NO_DECISION' } })
  })

  it('a run that is over gets no latch: there is nothing to brake, and it would have to be released', async () => {
    const world = newWorld(latched(startedRun(), 'l1'))
    world.refuse = new ApiProblem(409, 'REFUSED', 'the run is rolled_back already')
    const answer = await ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', {
      payload: { kind: 'rollback', ...because },
    })
    expect(answer.status).toBe(409)
    expect(world.sent.map(({ what }) => what)).toEqual(['rollback'])
  })

  it('a bug is named a bug and keeps its text to itself; Kafka away says what still works', async () => {
    const world = newWorld(startedRun())
    const hold = { payload: { kind: 'hold', ...because } }
    world.broken = new Error('secret of the inside')
    const bug = await ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', hold)
    expect(bug).toMatchObject({ status: 500, body: { code: 'BUG' } })
    expect(JSON.stringify(bug.body)).not.toContain('secret')
    world.broken = new PenstockError('no broker', { code: 'BROKER_AWAY', retriable: true })
    const away = await ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', hold)
    expect(away).toMatchObject({ status: 503, body: { code: 'BROKER_AWAY' } })
    expect(away.body.detail).toContain('local kill')
  })
})

it('tokens are in no line of the log and in no answer, whatever becomes of the request', async () => {
  const said: string[] = []
  const line = (...parts: readonly unknown[]) => void said.push(inspect(parts, { depth: 10 }))
  const recorder: Logger = { debug: line, info: line, warn: line, error: line, child: () => recorder }
  const world = newWorld(startedRun())
  world.broken = new Error('broken')
  const server = serverOf(world, recorder)
  const payload = { kind: 'hold', ...because }
  for (const as of ['admin', 'viewer', 'secret-of-nobody']) {
    const response = await server.inject({
      method: 'POST',
      url: '/v1/runs/run-1/commands',
      headers: { authorization: `Bearer ${as}`, 'x-trace': 'kept' },
      payload,
    })
    expect(response.body).not.toMatch(/secret-of-nobody|Bearer a|Bearer v/)
  }
  expect(said.join()).toContain('/v1/runs/run-1/commands')
  expect(said.join()).not.toMatch(/Bearer|secret-of-nobody|authorization/i)
})

describe('names', () => {
  it('a name that fits two active runs commands neither, and reads the first', async () => {
    const second = { ...startedRun(), id: 'run-2', route: 'mail' }
    const world = newWorld(startedRun(), second)
    const server = serverOf(world)
    for (const name of ['sample', 'latest']) {
      const answer = await ask(server, 'commandRun', `/v1/runs/${name}/commands`, {
        payload: { kind: 'rollback', ...because },
      })
      expect(answer).toMatchObject({ status: 409, body: { code: 'AMBIGUOUS_RUN' } })
      expect(answer.body.detail).toContain('run-1, run-2')
      expect((await ask(server, 'getRun', `/v1/runs/${name}`)).body.run).toBe('run-1')
    }
    expect(world.sent).toEqual([])
  })

  it('one of several latches has to be named', async () => {
    const world = newWorld(latched(startedRun(), 'l1', 'l2'))
    const release = (latch: object) =>
      ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', {
        payload: { kind: 'release', ...because, ...latch },
      })
    expect((await release({})).body).toMatchObject({ code: 'AMBIGUOUS_LATCH' })
    expect((await release({ latch: 'l2' })).status).toBe(200)
    expect(world.sent).toMatchObject([{ what: 'release', value: { payload: { latch: 'l2' } } }])
  })

  it('a kill of all routes is not released by the name of one', async () => {
    const world = newWorld(startedRun())
    world.kills = [
      { id: 'k1', route: '*', by: 'a', reason: 'r', written_at: 1, released_at: null, min_epoch: {} },
      { id: 'k2', route: 'chat', by: 'a', reason: 'r', written_at: 1, released_at: null, min_epoch: {} },
    ]
    const server = serverOf(world)
    const one = await ask(server, 'releaseRoute', '/v1/routes/chat/release', { payload: because })
    expect(one.body).toEqual({ released: ['k2'], stillOpen: ['k1'] })
    world.kills = world.kills.slice(0, 1)
    const none = await ask(server, 'releaseRoute', '/v1/routes/chat/release', { payload: because })
    expect(none).toMatchObject({ status: 409, body: { code: 'KILLED_EVERYWHERE' } })
    const all = await ask(server, 'releaseRoute', '/v1/routes/*/release', { payload: because })
    expect(all.body).toEqual({ released: ['k1'], stillOpen: [] })
  })
})

describe('apply', () => {
  it('leaves what runs alone only when the file asks for exactly that', async () => {
    const world = newWorld(appliedRun(file))
    const server = serverOf(world)
    const again = await ask(server, 'applyRollout', '/v1/runs', { payload: { text: file } })
    expect(again).toMatchObject({ status: 200, body: { run: 'run-of-file', created: false } })
    const other = file.replace('promptVersion: two', 'promptVersion: three')
    await ask(server, 'applyRollout', '/v1/runs', { payload: { text: other } })
    expect(world.sent.map(({ what }) => what)).toEqual(['apply'])
  })

  it('names the lines of a file that is wrong', async () => {
    const payload = { text: `${file}stickykey: user\n` }
    const answer = await ask(serverOf(newWorld()), 'applyRollout', '/v1/runs', { payload })
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'INVALID_ROLLOUT', problems: [{ line: 9, path: 'stickykey' }] },
    })
  })
})
