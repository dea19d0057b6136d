import { STATUS_CODES } from 'node:http'
import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { Api } from './api-types.ts'

/** An answer that is an error (RFC 9457), with the problems of a document or of single fields where there are any. */
export class ApiProblem extends PenstockError {
  readonly status: number
  readonly problems: Api['Problem']['problems']

  constructor(status: number, code: string, detail: string, problems: ApiProblem['problems'] = []) {
    super(detail, { code })
    this.status = status
    this.problems = problems.slice(0, problemsMax)
  }
}

/** A text with more problems than this needs more than a list of them. */
const problemsMax = 50

/** What the framework refuses before an operation sees it, by status. */
const refusals: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  400: ['UNREADABLE', 'the request could not be read'],
  413: ['BODY_TOO_LARGE', 'the body is larger than 64 MiB; a golden set has at most 100,000 entries'],
  415: ['NOT_JSON', 'send the body as JSON, with content-type: application/json'],
}

/** What a caller is told of any error. One that nobody foresaw is a bug: it is named so, and its text goes to the log alone. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  const { statusCode, message } = error as { readonly statusCode?: unknown; readonly message?: unknown }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    const [code, detail] = refusals[statusCode] ?? ['REFUSED_BY_SERVER', 'the request was refused']
    return new ApiProblem(statusCode, code, statusCode === 400 ? `${detail}: ${String(message)}` : detail)
  }
  if (error instanceof PenstockError && error.retriable)
    return new ApiProblem(
      503,
      'BROKER_AWAY',
      `Kafka did not take it: ${error.message}. Whether it was written is not known; ask again. Routers go by their lease meanwhile, and each has a local kill.`,
    )
  return new ApiProblem(500, 'BUG', 'this should not have happened; the log of the API says what did')
}

export function problemBody(problem: ApiProblem): Api['Problem'] {
  return {
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    problems: problem.problems,
  }
}
