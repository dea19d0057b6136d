import { type Role, roles } from './config.ts'
import { ApiProblem } from './problem.ts'

/** Who asks, by their token. */
export interface Caller {
  readonly name: string
  readonly role: Role
}

/** One request that has passed authentication and the checks of the document. */
export interface Call {
  readonly caller: Caller
  /** Of path and query. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** As the operation's schema in the document has let it through. */
  readonly body: unknown
}

export interface Answer {
  readonly status: number
  readonly body: object
}

/** Operation id → what serves it; throws ApiProblem for every answer that is an error. */
export type Handlers = Readonly<Record<string, (call: Call) => Promise<Answer>>>

/** Throws ApiProblem FORBIDDEN when the caller's role does not reach. */
export function authorised(caller: Caller, role: Role): Caller {
  if (roles.indexOf(caller.role) < roles.indexOf(role))
    throw new ApiProblem(403, 'FORBIDDEN', `${caller.name} is ${caller.role}; this needs ${role}`)
  return caller
}

/** A parameter whose schema says string. */
export function textOf(call: Call, name: string): string {
  const value = call.parameters[name]
  if (typeof value !== 'string') throw new TypeError(`schemas/openapi.yaml lets ${name} be no text`)
  return value
}

export function ok(body: object): Answer {
  return { status: 200, body }
}
