import type { PairView, PlanSummaryView, ProblemView, RunView, VerdictView } from './api-views.ts'

/** The few calls of the API that the demo makes. Throws with the API's own words. */
export interface ApiClient {
  apply(
    text: string,
    golden: readonly unknown[] | null,
  ): Promise<{ readonly run: string; readonly plan: PlanSummaryView }>
  status(run: string): Promise<RunView>
  explain(run: string): Promise<{ readonly verdict: VerdictView | null }>
  pairs(run: string, query: string): Promise<readonly PairView[]>
}

export function createApiClient(baseUrl: string, token: string): ApiClient {
  const call = async <T>(path: string, body?: object): Promise<T> => {
    const response = await fetch(baseUrl + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = await response.json()
    if (response.ok) return answer as T
    const { detail, problems } = answer as ProblemView
    const lines = problems.map(({ line, path: field, message }) => `\n  line ${line ?? '–'}: ${field}: ${message}`)
    throw new Error(`${path}: ${detail}${lines.join('')}`)
  }
  return {
    apply: (text, golden) => call('/v1/runs', { text, golden, reason: 'demonstration' }),
    status: (run) => call(`/v1/runs/${run}`),
    explain: (run) => call(`/v1/runs/${run}/explain`),
    pairs: async (run, query) =>
      (await call<{ readonly pairs: readonly PairView[] }>(`/v1/runs/${run}/pairs?${query}`)).pairs,
  }
}
