import { PenstockError } from '../domain/outcome/penstock-error.ts'
import type { CliConfig } from './config.ts'

/** The API answered with an error, or not at all (code API_AWAY). */
export class ApiError extends PenstockError {
  readonly problems: readonly { readonly line: number; readonly path: string; readonly message: string }[]

  constructor(code: string, message: string, problems: ApiError['problems'] = []) {
    super(message, { code })
    this.problems = problems
  }
}

const timeoutMs = 30_000

/** One call; GET without a body, else POST. Throws ApiError in the API's own words. */
export async function callApi<T>(config: CliConfig, path: string, body?: object): Promise<T> {
  let response: Response
  try {
    response = await fetch(config.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${config.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (cause) {
    throw new ApiError(
      'API_AWAY',
      `no answer from ${config.url}: ${cause instanceof Error ? cause.message : String(cause)}`,
    )
  }
  const answer = (await response.json().catch(() => ({}))) as T & {
    readonly code?: string
    readonly message?: string
    readonly problems?: ApiError['problems']
  }
  if (response.ok) return answer
  throw new ApiError(answer.code ?? 'ERROR', answer.message ?? `status ${response.status}`, answer.problems)
}
