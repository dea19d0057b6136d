import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'
import { ApiProblem } from './problem.ts'
import type { ReadModel } from './read-model.ts'

const runsNamedMax = 10

function noRun(model: ReadModel, name: string): ApiProblem {
  const known = [...new Set(model.runs().map((run) => run.spec.name))].slice(0, runsNamedMax)
  const hint = known.length === 0 ? 'there are no runs; apply a rollout file' : `rollouts known: ${known.join(', ')}`
  return new ApiProblem(404, 'NO_RUN', `no run \`${name}\`; ${hint}`)
}

function named(model: ReadModel, name: string): readonly Run[] {
  return name === 'latest' ? model.runs() : model.runs().filter((run) => run.spec.name === name)
}

/** For reading: by id, else the active or newest run of a rollout's name, else `latest`. Throws ApiProblem NO_RUN. */
export function findRun(model: ReadModel, name: string): Run {
  const run = model.run(name) ?? named(model, name)[0]
  if (run === undefined) throw noRun(model, name)
  return run
}

/**
 * For commanding: a name that fits several active runs is refused, because what follows takes traffic from one of them.
 * Throws ApiProblem NO_RUN and AMBIGUOUS_RUN.
 */
export function findRunToCommand(model: ReadModel, name: string): Run {
  const byId = model.run(name)
  if (byId !== null) return byId
  const active = named(model, name).filter(isActive)
  if (active.length > 1)
    throw new ApiProblem(
      409,
      'AMBIGUOUS_RUN',
      `\`${name}\` fits ${active.length} active runs; name one: ${active
        .slice(0, runsNamedMax)
        .map((run) => run.id)
        .join(', ')}`,
    )
  return active[0] ?? findRun(model, name)
}
