import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startedRun, togetherSpec } from '../domain/rollout/sample-run.ts'
import { readOperations } from './api-document.ts'
import { roles } from './config.ts'
import { ask, because, file, latched, newWorld, serverOf } from './sample-api.ts'

describe('who may do what', () => {
  const kinds = readOperations().find(({ id }) => id === 'commandRun')?.rolesByKind ?? {}

  it.each([
    ['viewer', 'GET', '/v1/runs', undefined],
    ['operator', 'POST', '/v1/runs', { text: file }],
    ['operator', 'POST', '/v1/routes/chat/kill', because],
    ['approver', 'POST', '/v1/routes/chat/release', because],
    ['admin', 'POST', '/v1/routes/*/release', because],
    ['admin', 'POST', '/v1/runs/run-1/commands', { kind: 'promote', full: true, ...because }],
    ...['hold', 'rollback', 'resume'].map(
      (kind) => ['operator', 'POST', '/v1/runs/run-1/commands', { kind, ...because }] as const,
    ),
    ...['promote', 'approve', 'reject', 'release'].map(
      (kind) => ['approver', 'POST', '/v1/runs/run-1/commands', { kind, ...because }] as const,
    ),
  ] as const)('%s and above: %s %s %j', async (least, method, url, payload) => {
    for (const role of roles) {
      const world = newWorld(latched(startedRun(), 'l1'))
      const response = await serverOf(world).inject({
        method,
        url,
        headers: { authorization: `Bearer ${role}` },
        ...(payload === undefined ? {} : { payload: { ...payload } }),
      })
      const mayNot = roles.indexOf(role) < roles.indexOf(least)
      expect(response.statusCode === 403, `${role} got ${response.statusCode}`).toBe(mayNot)
      if (mayNot) expect(world.sent).toEqual([])
    }
  })

  it('every kind of command has a role', () => {
    expect(Object.keys(kinds).sort()).toEqual(['approve', 'hold', 'promote', 'reject', 'release', 'resume', 'rollback'])
  })

  it.each(['', 'Bearer', 'Bearer nobody', 'Basic YWRtaW46', 'Bearer admin admin'])(
    '"%s" is nobody',
    async (authorization) => {
      const world = newWorld(startedRun())
      const response = await serverOf(world).inject({
        method: 'POST',
        url: '/v1/routes/chat/kill',
        headers: { authorization },
        payload: because,
      })
      expect(response.statusCode).toBe(401)
      expect(world.sent).toEqual([])
    },
  )
})

describe('requests that are wrong', () => {
  const posts = readOperations().filter(({ method }) => method === 'POST')
  const server = serverOf(newWorld(startedRun()))
  const urlOf = (url: string) => url.replace(':run', 'run-1').replace(':route', 'chat')

  it('whatever JSON comes, the answer is a problem or what the document says, and nothing breaks', async () => {
    const fields = fc.record(
      {
        kind: fc.oneof(
          fc.constantFrom('hold', 'promote', 'release', 'constructor', '__proto__', 'apply', 'verdict'),
          fc.jsonValue(),
        ),
        reason: fc.oneof(fc.string(), fc.jsonValue()),
        full: fc.jsonValue(),
        latch: fc.jsonValue(),
        kill: fc.jsonValue(),
        text: fc.oneof(fc.constant(file), fc.string(), fc.jsonValue()),
        golden: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...posts), fc.oneof(fields, fc.jsonValue()), async (operation, body) => {
        const answer = await ask(server, operation.id, urlOf(operation.url), {
          method: 'POST',
          payload: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        })
        expect(answer.status).toBeLessThan(500)
      }),
      { numRuns: 300 },
    )
  })

  it('whatever bytes come, they are refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...posts),
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense', undefined),
        async (operation, bytes, type) => {
          const answer = await ask(server, operation.id, urlOf(operation.url), {
            method: 'POST',
            payload: Buffer.from(bytes),
            headers: type === undefined ? {} : { 'content-type': type },
          })
          expect(answer.status).toBeGreaterThanOrEqual(400)
          expect(answer.status).toBeLessThan(500)
        },
      ),
      { numRuns: 200 },
    )
  })

  it.each([
    ['no reason', { kind: 'hold' }, 'request', 'field `reason` is missing'],
    ['a blank reason', { kind: 'hold', reason: '  ' }, 'reason', 'must be a text'],
    ['an unknown kind', { kind: 'explode', ...because }, 'kind', 'must be one of promote, hold'],
    ['a kind that every object has', { kind: 'constructor', ...because }, 'kind', 'must be one of promote, hold'],
    ['an unknown field', { kind: 'hold', reson: 'x', ...because }, 'reson', 'unknown field; did you mean `reason`?'],
    ['a field of another kind', { kind: 'hold', full: true, ...because }, 'full', 'belongs to promote'],
    ['a wave for what is for the run', { kind: 'hold', wave: 'consumer', ...because }, 'wave', 'belongs to promote'],
    ['a list', [], 'request', 'must be object'],
  ])('%s is named with its field and the fix', async (_, payload, path, message) => {
    const world = newWorld(startedRun())
    const answer = await ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', { payload })
    expect(answer.status).toBe(422)
    expect(answer.body.problems[0]).toMatchObject({ path })
    expect(answer.body.problems[0].message).toContain(message)
    expect(world.sent).toEqual([])
  })

  it.each(['limit=0', 'limit=1001', 'limit=ten', 'limit=1e3', 'worse=', 'offset=3'])(
    'pairs?%s is refused',
    async (query) => {
      const answer = await ask(serverOf(newWorld(startedRun())), 'listPairs', `/v1/runs/run-1/pairs?${query}`)
      expect(answer).toMatchObject({ status: 422, body: { code: 'INVALID_REQUEST' } })
    },
  )

  it('unknown runs, routes and operations are answered with what is known', async () => {
    const server = serverOf(newWorld(startedRun()))
    expect((await ask(server, 'getRun', '/v1/runs/nobody')).body.detail).toContain('rollouts known: sample')
    const kill = await ask(server, 'killRoute', '/v1/routes/chatt/kill', { payload: because })
    expect(kill).toMatchObject({ status: 404, body: { code: 'NO_ROUTE' } })
    expect(kill.body.detail).toContain('routes known: chat')
    for (const url of ['/v1/nothing', '/v1/runs/%zz', `/v1/runs/${'x'.repeat(300)}`])
      expect((await ask(server, 'getRun', url)).status).toBeLessThan(500)
    expect((await ask(server, 'getRun', '/v1/runs/run-1', { method: 'DELETE' })).status).toBe(404)
  })

  it('a command for a wave that the run does not have is answered with those it has, and sent to nobody', async () => {
    const world = newWorld(startedRun(togetherSpec()))
    const payload = { kind: 'promote', wave: 'partners', ...because }
    const answer = await ask(serverOf(world), 'commandRun', '/v1/runs/run-1/commands', { payload })
    expect(answer).toMatchObject({ status: 404, body: { code: 'NO_WAVE' } })
    expect(answer.body.detail).toBe('run run-1 has no wave `partners`; its waves are consumer, enterprise')
    expect(world.sent).toEqual([])
  })

  it('a body above the limit is refused before it is read, a caller without a token before that', async () => {
    const payload = JSON.stringify({ text: 'x'.repeat(65 * 1024 * 1024) })
    const headers = { 'content-type': 'application/json' }
    const server = serverOf(newWorld())
    expect(await ask(server, 'applyRollout', '/v1/runs', { payload, headers })).toMatchObject({ status: 413 })
    expect(await ask(server, 'applyRollout', '/v1/runs', { payload, headers, as: 'nobody' })).toMatchObject({
      status: 401,
    })
  })
})
