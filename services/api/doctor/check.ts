import type { Api } from '../api-types.ts'

export type Check = Api['Check']

/** What a part of the installation is called in reports, in the order in which they are read. */
export type Part = Check['part']

export const ok = (part: Part, what: string): Check => ({ part, state: 'ok', what, fix: null })

export const warn = (part: Part, what: string, fix: string): Check => ({ part, state: 'warn', what, fix })

export const fail = (part: Part, what: string, fix: string): Check => ({ part, state: 'fail', what, fix })

/** A part that cannot be looked at because another is away: said, so that nobody takes silence for health. */
export const unknown = (part: Part, why: string): Check => warn(part, `not known: ${why}`, 'mend that first')

/** "1 broker", "3 brokers". */
export const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

/** Names in a line, the first few of them. */
export function listed(names: readonly string[], most = 5): string {
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`
}

export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The promise, or a rejection after `withinMs`: whatever is looked at may hang, the doctor must not. */
export async function within<T>(withinMs: number, act: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${withinMs / 1_000} s`)), withinMs)
  })
  const acting = act()
  // It may still fail when nobody waits any more.
  acting.catch(() => undefined)
  try {
    return await Promise.race([acting, late])
  } finally {
    clearTimeout(timer)
  }
}
