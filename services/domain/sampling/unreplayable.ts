import type { Operation } from './operations.ts'

type Body = Readonly<Record<string, unknown>>

/** Tools of Anthropic's own that the caller runs, by the beginning of their dated types. */
const callersTools = /^(?:bash|text_editor|computer|memory)_\d/

/**
 * Whether the provider itself would run something: tools that are not the caller's to run, connectors, and searches that a field of their own asks for.
 * What has the wrong shape counts as such: nobody knows what a provider makes of it.
 */
export function runsTools(body: Body, operation: Operation): boolean {
  if (given(body['web_search_options']) || given(body['mcp_servers'])) return true
  const tools = body['tools'] ?? []
  return !Array.isArray(tools) || !tools.every((tool) => isCallersTool(tool, operation))
}

function isCallersTool(tool: unknown, operation: Operation): boolean {
  const type = fieldOf(tool, 'type')
  if (operation !== 'messages') return type === 'function' || type === 'custom'
  if (type === undefined || type === null) return typeof fieldOf(tool, 'name') === 'string'
  return type === 'custom' || (typeof type === 'string' && callersTools.test(type))
}

/** Fields that name what the provider keeps. */
const storedFields = ['previous_response_id', 'conversation', 'container'] as const

/** Whether the question is not whole without what its provider keeps: earlier turns, containers, prompts, or items that are only named. */
export function restsOnStoredState(body: Body): boolean {
  if (storedFields.some((field) => given(body[field]))) return true
  if (typeof fieldOf(body['prompt'], 'id') === 'string') return true
  return Array.isArray(body['input']) && body['input'].some(isOnlyNamed)
}

/** Reasoning without its encrypted content is looked up by its id, which a provider that keeps nothing cannot. */
function isOnlyNamed(item: unknown): boolean {
  const type = fieldOf(item, 'type')
  return type === 'item_reference' || (type === 'reasoning' && !given(fieldOf(item, 'encrypted_content')))
}

function given(value: unknown): boolean {
  return value !== undefined && value !== null
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Body)[name] : undefined
}
