import { errors } from 'undici'

const connectFailures: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH'])

/** Whether a request of undici failed before anything of it could have been sent. */
export function neverConnected(error: unknown): boolean {
  return error instanceof errors.ConnectTimeoutError || connectFailures.has((error as { code?: unknown } | null)?.code)
}
