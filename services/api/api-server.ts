import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { planSummary } from '../domain/policy/plan-summary.ts'
import type { CommandKind, CommandPayloads } from '../domain/rollout/commands.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'
import type { Clock } from '../domain/time/clock.ts'
import { compileRollout, mintRunId } from './apply-rollout.ts'
import type { Commander } from './commander.ts'
import { type Role, roles, type Tokens } from './config.ts'
import type { PairQuery, PairReader } from './pair-reader.ts'
import { ApiProblem } from './problem.ts'
import type { ReadModel } from './read-model.ts'

export interface ApiDeps {
  readonly model: ReadModel
  readonly commander: Commander
  readonly pairs: PairReader
  readonly tokens: Tokens
  readonly clock: Clock
}

interface Caller {
  readonly name: string
  readonly role: Role
}

const bodyBytesMax = 64 * 1024 * 1024

/** What each command asks of its caller. Braking is easy, going on is not. */
const roleFor: Readonly<Record<Exclude<CommandKind, 'apply' | 'verdict'>, Role>> = {
  hold: 'operator',
  rollback: 'operator',
  resume: 'operator',
  promote: 'approver',
  approve: 'approver',
  reject: 'approver',
  release: 'approver',
}

export function createApiServer(deps: ApiDeps): FastifyInstance {
  const server = Fastify({ logger: false, bodyLimit: bodyBytesMax })
  server.setErrorHandler((error, _request, reply) => {
    const { statusCode } = error as { readonly statusCode?: number }
    const problem =
      error instanceof ApiProblem
        ? error
        : new ApiProblem(statusCode ?? 500, 'ERROR', error instanceof Error ? error.message : String(error))
    void reply
      .code(problem.status)
      .type('application/problem+json')
      .send({ code: problem.code, message: problem.message, problems: problem.problems })
  })
  server.setNotFoundHandler((request) => {
    throw new ApiProblem(404, 'NOT_FOUND', `no such operation: ${request.method} ${request.url}`)
  })
  const may = (request: FastifyRequest, role: Role): Caller => {
    const caller = callerOf(request, deps.tokens)
    if (roles.indexOf(caller.role) < roles.indexOf(role))
      throw new ApiProblem(403, 'FORBIDDEN', `${caller.name} is ${caller.role}; this needs ${role}`)
    return caller
  }
  readRoutes(server, deps, may)
  writeRoutes(server, deps, may)
  return server
}

type May = (request: FastifyRequest, role: Role) => Caller

function readRoutes(server: FastifyInstance, deps: ApiDeps, may: May): void {
  const { model } = deps
  server.get('/v1/runs', (request) => {
    may(request, 'viewer')
    return { runs: model.runs().map((run) => model.statusOf(run)) }
  })
  server.get<{ Params: { run: string } }>('/v1/runs/:run', (request) => {
    may(request, 'viewer')
    return model.statusOf(findRun(model, request.params.run))
  })
  server.get<{ Params: { run: string } }>('/v1/runs/:run/decisions', (request) => {
    may(request, 'viewer')
    const run = findRun(model, request.params.run)
    return { decisions: model.decisions(run.id) }
  })
  server.get<{ Params: { run: string } }>('/v1/runs/:run/explain', (request) => {
    may(request, 'viewer')
    const run = findRun(model, request.params.run)
    return {
      status: model.statusOf(run),
      verdict: model.verdictOf(run.id),
      decisions: model.decisions(run.id),
      latches: model.latches(run.id),
      acks: model.acks(run.route),
      plan: planSummary(run.spec, run.plan),
    }
  })
  server.get<{ Params: { run: string }; Querystring: PairQuery }>('/v1/runs/:run/pairs', async (request) => {
    may(request, 'viewer')
    const run = findRun(model, request.params.run)
    return { pairs: await deps.pairs.pairs(run, request.query) }
  })
}

function writeRoutes(server: FastifyInstance, deps: ApiDeps, may: May): void {
  applyRoute(server, deps, may)
  commandRoute(server, deps, may)
  killRoutes(server, deps, may)
}

function applyRoute(server: FastifyInstance, deps: ApiDeps, may: May): void {
  const { model, commander, clock } = deps
  server.post<{ Body: { readonly text?: unknown; readonly golden?: unknown; readonly reason?: unknown } }>(
    '/v1/runs',
    async (request, reply) => {
      const caller = may(request, 'operator')
      const { text, golden, reason } = request.body
      if (typeof text !== 'string') throw new ApiProblem(422, 'NO_TEXT', 'send the rollout file as `text`')
      const { spec, plan, chunks } = compileRollout(text, Array.isArray(golden) ? golden : null)
      const same = model
        .runs()
        .find(
          (run) =>
            run.route === spec.route && isActive(run) && run.plan.hash === plan.hash && run.spec.name === spec.name,
        )
      if (same !== undefined)
        return { run: same.id, created: false, status: model.statusOf(same), plan: planSummary(spec, plan) }
      await commander.golden(chunks)
      const id = mintRunId(spec.name, clock.nowMs())
      await commander.command(id, 'apply', { spec, plan }, caller.name, reasonOf(reason, 'applied'), null)
      return reply.code(201).send({ run: id, created: true, status: null, plan: planSummary(spec, plan) })
    },
  )
}

function commandRoute(server: FastifyInstance, deps: ApiDeps, may: May): void {
  const { model, commander } = deps
  server.post<{
    Params: { run: string }
    Body: { readonly kind?: unknown; readonly reason?: unknown; readonly full?: unknown; readonly latch?: unknown }
  }>('/v1/runs/:run/commands', async (request) => {
    const run = findRun(model, request.params.run)
    const kind = request.body.kind as keyof typeof roleFor
    const role = roleFor[kind]
    if (role === undefined)
      throw new ApiProblem(422, 'UNKNOWN_COMMAND', `\`kind\` must be one of ${Object.keys(roleFor).join(', ')}`)
    const caller = may(request, role)
    const reason = reasonOf(request.body.reason, null)
    if (kind === 'rollback') await brake(deps, run, caller, reason)
    const payload = payloadOf(kind, request.body, deps, run)
    const wave = run.state.waves[run.state.wave]
    const at =
      wave === undefined || kind === 'rollback' || kind === 'release'
        ? null
        : { wave: wave.id, stageEntry: wave.stageEntry }
    const decision = await commander.command(run.id, kind, payload, caller.name, reason, at)
    return { decision, status: model.statusOf(findRun(model, run.id)) }
  })
}

function killRoutes(server: FastifyInstance, deps: ApiDeps, may: May): void {
  const { model, commander, clock } = deps
  server.post<{ Params: { route: string }; Body: { readonly reason?: unknown } }>(
    '/v1/routes/:route/kill',
    async (request) => {
      const caller = may(request, 'operator')
      const kill = {
        id: randomUUID(),
        route: request.params.route,
        by: caller.name,
        reason: reasonOf(request.body.reason, null),
        written_at: clock.nowMs(),
        released_at: null,
        min_epoch: {},
      }
      await commander.kill(kill)
      return { kill: kill.id }
    },
  )
  server.post<{ Params: { route: string }; Body: { readonly kill?: unknown; readonly reason?: unknown } }>(
    '/v1/routes/:route/release',
    async (request) => {
      const caller = may(request, 'approver')
      const open = model
        .kills()
        .filter(
          (kill) =>
            kill.route === request.params.route && (request.body.kill === undefined || kill.id === request.body.kill),
        )
      if (open.length === 0) throw new ApiProblem(404, 'NO_KILL', `no open kill on route ${request.params.route}`)
      const epochs = Object.fromEntries(
        [...new Set(model.runs().map((run) => run.route))].map((route) => [route, model.split(route)?.epoch ?? 0]),
      )
      for (const kill of open)
        await commander.kill({ ...kill, by: caller.name, released_at: clock.nowMs(), min_epoch: epochs })
      return { released: open.map((kill) => kill.id) }
    },
  )
}

/** The latch first, by itself: a rollback must not wait for a controller. */
async function brake(deps: ApiDeps, run: Run, caller: Caller, reason: string): Promise<void> {
  const nowMs = deps.clock.nowMs()
  await deps.commander.latch({
    id: `person-${randomUUID()}`,
    route: run.route,
    run: run.id,
    wave: null,
    reason,
    by: caller.name,
    breached_at: nowMs,
    written_at: nowMs,
  })
}

function payloadOf(
  kind: keyof typeof roleFor,
  body: { readonly full?: unknown; readonly latch?: unknown },
  deps: ApiDeps,
  run: Run,
): CommandPayloads[keyof typeof roleFor] {
  if (kind === 'promote') return { full: body.full === true }
  if (kind !== 'release') return {}
  const open = deps.model.statusOf(run).openLatches
  const latch = typeof body.latch === 'string' ? body.latch : open[0]
  if (latch === undefined) throw new ApiProblem(409, 'NO_LATCH', `run ${run.id} has no open latch`)
  return { latch }
}

function findRun(model: ReadModel, id: string): Run {
  const run =
    model.run(id) ?? (id === 'latest' ? model.runs()[0] : model.runs().find((candidate) => candidate.spec.name === id))
  if (run === undefined || run === null) throw new ApiProblem(404, 'NO_RUN', `no run \`${id}\``)
  return run
}

function reasonOf(reason: unknown, fallback: string | null): string {
  if (typeof reason === 'string' && reason.trim() !== '') return reason.slice(0, 2_000)
  if (fallback !== null) return fallback
  throw new ApiProblem(422, 'NO_REASON', 'say why: `reason` is kept with the decision')
}

function callerOf(request: FastifyRequest, tokens: Tokens): Caller {
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const digest = createHash('sha256').update(given).digest()
  let found: Caller | null = null
  for (const token of tokens) if (timingSafeEqual(digest, Buffer.from(token.tokenSha256, 'hex'))) found = token
  if (found === null)
    throw new ApiProblem(401, 'UNAUTHENTICATED', 'send a token of this installation as `Authorization: Bearer …`')
  return found
}
