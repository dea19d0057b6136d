import type { Stack } from '../../../infra/native/stack.ts'

/** A statement with its parameters, as a client sends them. */
export interface Question {
  readonly sql: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** What one answer took. */
export interface Answer {
  readonly ms: number
  readonly rowsRead: number
  readonly bytesRead: number
  readonly text: string
}

/** Asks as the reader does, within the limits of that account. @throws with the server's words when it refuses or gives up */
export type Ask = (question: Question) => Promise<Answer>

export function asReader({ url, users }: Stack['clickhouse'], database: string): Ask {
  const headers = { 'X-ClickHouse-User': users.reader.user, 'X-ClickHouse-Key': users.reader.password }
  return async ({ sql, parameters }) => {
    const query = new URLSearchParams({
      database,
      // The summary counts what was read until the answer begins: here, all of it.
      wait_end_of_query: '1',
      default_format: 'JSONEachRow',
    })
    for (const [name, value] of Object.entries(parameters)) query.set(`param_${name}`, textOf(value))
    const begunMs = performance.now()
    const response = await fetch(`${url}/?${query}`, { method: 'POST', body: sql, headers })
    const text = await response.text()
    const ms = performance.now() - begunMs
    if (!response.ok) throw new Error(text.split('\n')[0]?.slice(0, 300))
    const summary = JSON.parse(response.headers.get('x-clickhouse-summary') ?? '{}') as Record<string, string>
    return { ms, rowsRead: Number(summary['read_rows']), bytesRead: Number(summary['read_bytes']), text }
  }
}

function textOf(value: unknown): string {
  return value instanceof Date ? value.toISOString().replace('T', ' ').replace('Z', '') : String(value)
}
