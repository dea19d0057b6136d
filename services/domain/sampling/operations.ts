/** The calls to a model that are split, captured and shadowed, named as in `Request.operation`. They only compute an answer. */
export type Operation = 'chat.completions' | 'completions' | 'embeddings' | 'responses' | 'messages'

/** Where each stands below a provider's base address (`…/v1`). */
export const operationPaths: Readonly<Record<Operation, string>> = {
  'chat.completions': '/chat/completions',
  completions: '/completions',
  embeddings: '/embeddings',
  responses: '/responses',
  messages: '/messages',
}

/** Null for a name that another producer gave to what is unknown here. */
export function operationNamed(name: string): Operation | null {
  return Object.hasOwn(operationPaths, name) ? (name as Operation) : null
}

/** The operation that stands at a path below `/v1`; null for everything else. */
export function operationAt(path: string): Operation | null {
  const found = Object.entries(operationPaths).find(([, at]) => at === path)
  return found === undefined ? null : (found[0] as Operation)
}
