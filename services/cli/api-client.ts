import type { Api } from '../api/api-types.ts'
import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { CliConfig } from './config.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** The API answered with an error, or not at all (code API_AWAY). */
export class ApiError extends PenstockError {
  readonly problems: Api['Problem']['problems']
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode, problems: ApiError['problems'] = []) {
    super(message, { code, retriable: exitCode === exitCodes.unavailable })
    this.exitCode = exitCode
    this.problems = problems
  }
}

/** Above the ten seconds that the API waits for a controller. */
const timeoutMs = 30_000

/** One call; GET without a body, else POST. Throws ApiError in the API's own words. */
export async function callApi<T>(config: CliConfig, path: string, body?: object, withinMs = timeoutMs): Promise<T> {
  const response = await send(config, path, body, withinMs)
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok && answer !== null) return answer as T
  const { code, detail, problems } = (answer ?? {}) as Partial<Api['Problem']>
  if (code === undefined || detail === undefined)
    throw new ApiError(
      'NOT_THE_API',
      `${config.url} answered with status ${response.status} and nothing that the API says; is the address right? It came from ${config.source}`,
      exitCodes.unavailable,
    )
  const hint = response.status === 401 ? `; the token came with ${config.source}` : ''
  throw new ApiError(code, detail + hint, exitCodeOf(response.status), problems)
}

async function send(config: CliConfig, path: string, body: object | undefined, withinMs: number): Promise<Response> {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  try {
    return await fetch(config.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${config.token}`, ...json },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(withinMs),
    })
  } catch (error) {
    throw new ApiError(
      'API_AWAY',
      `no answer from ${config.url} (${causeOf(error)}); is it running? The address came from ${config.source}`,
      exitCodes.unavailable,
    )
  }
}

/** fetch says "fetch failed" and hides why. */
function causeOf(error: unknown): string {
  const { message, cause } = error as { readonly message?: string; readonly cause?: { readonly code?: string } }
  return cause?.code ?? message ?? String(error)
}

function exitCodeOf(status: number): ExitCode {
  if (status >= 500) return exitCodes.unavailable
  return status === 409 || status === 422 ? exitCodes.no : exitCodes.usage
}
