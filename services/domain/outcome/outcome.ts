/** What a processing step says about one record. A step never throws for a bad record: it returns one of these. */
export type Outcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'drop'; readonly reason: string }
  | { readonly kind: 'retry'; readonly reason: string; readonly cause?: unknown }
  | { readonly kind: 'dead-letter'; readonly code: string; readonly reason: string }

export function ok<T>(value: T): Outcome<T> {
  return { kind: 'ok', value }
}

export function drop(reason: string): Outcome<never> {
  return { kind: 'drop', reason }
}

export function deadLetter(code: string, reason: string): Outcome<never> {
  return { kind: 'dead-letter', code, reason }
}
