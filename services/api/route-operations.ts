import { randomUUID } from 'node:crypto'
import type { Kill } from '../domain/events/records.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Api } from './api-types.ts'
import { authorised, type Call, type Handlers, ok, textOf } from './call.ts'
import type { Commander } from './commander.ts'
import { ApiProblem } from './problem.ts'
import type { ReadModel } from './read-model.ts'

interface Deps {
  readonly model: ReadModel
  readonly commander: Commander
  readonly clock: Clock
}

const everyRoute = '*'
const routesNamedMax = 20

/** Kills and their ends: records on the brakes topic, no controller in between. */
export function routeOperations(deps: Deps): Handlers {
  return { killRoute: (call) => kill(deps, call), releaseRoute: (call) => release(deps, call) }
}

async function kill({ model, commander, clock }: Deps, call: Call) {
  const route = knownRoute(model, textOf(call, 'route'))
  const { reason } = call.body as Api['KillRequest']
  const id = randomUUID()
  await commander.kill({
    id,
    route,
    by: call.caller.name,
    reason,
    written_at: clock.nowMs(),
    released_at: null,
    min_epoch: {},
  })
  const bound = model.runs().filter((run) => isActive(run) && (route === everyRoute || run.route === route))
  const body: Api['KillAnswer'] = { kill: id, runs: bound.map((run) => run.id) }
  return ok(body)
}

async function release({ model, commander, clock }: Deps, call: Call) {
  const route = textOf(call, 'route')
  const { kill: id } = call.body as Api['ReleaseRequest']
  if (route === everyRoute) authorised(call.caller, 'admin')
  const binding = model.kills().filter((open) => open.route === route || open.route === everyRoute)
  const due = binding.filter((open) => open.route === route && (id === undefined || open.id === id))
  if (due.length === 0) throw nothingToRelease(model, route, id, binding)
  const epochs = Object.fromEntries(model.routes().map((known) => [known, model.split(known)?.epoch ?? 0]))
  for (const open of due)
    await commander.kill({ ...open, by: call.caller.name, released_at: clock.nowMs(), min_epoch: epochs })
  const released = due.map((open) => open.id)
  const body: Api['ReleaseAnswer'] = {
    released,
    stillOpen: binding.map((open) => open.id).filter((open) => !released.includes(open)),
  }
  return ok(body)
}

/** A route nobody has heard of is a typing error, and a kill of it would look like one that works. */
function knownRoute(model: ReadModel, route: string): string {
  const known = model.routes()
  if (route === everyRoute || known.includes(route)) return route
  const hint =
    known.length === 0
      ? 'no route has a run or a split yet'
      : `routes known: ${known.slice(0, routesNamedMax).join(', ')}; * for all`
  throw new ApiProblem(404, 'NO_ROUTE', `no route \`${route}\`; ${hint}`)
}

function nothingToRelease(
  model: ReadModel,
  route: string,
  id: string | undefined,
  binding: readonly Kill[],
): ApiProblem {
  const ofAll = binding.filter((open) => open.route === everyRoute).map((open) => open.id)
  if (route !== everyRoute && ofAll.length > 0)
    return new ApiProblem(
      409,
      'KILLED_EVERYWHERE',
      `route ${route} has no kill of its own; kill ${ofAll.join(', ')} of all routes binds it: release \`*\``,
    )
  const open = model.kills().map((kill) => `${kill.id} on ${kill.route}`)
  const hint =
    open.length === 0 ? 'no kill is open anywhere' : `open kills: ${open.slice(0, routesNamedMax).join(', ')}`
  return new ApiProblem(404, 'NO_KILL', `no open kill ${id === undefined ? '' : `${id} `}on route ${route}; ${hint}`)
}
