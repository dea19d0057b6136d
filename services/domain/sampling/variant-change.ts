import type { Variant } from '../events/records.ts'
import type { Operation } from './operations.ts'
import { type Prompt, withPrompt } from './prompt.ts'

/** What a variant changes about the body of a request. */
export interface VariantChange {
  readonly operation: Operation
  readonly model: Variant['model']
  /** Values are JSON texts; `null` takes a parameter away. */
  readonly parameters: Variant['parameters']
  /** Null: the caller's own prompt stays. */
  readonly prompt: Prompt | null
}

/** Fields of a body that are no parameters of the model: how it is carried, what is asked, what is kept. */
export const notParameters: readonly string[] = [
  'model',
  'messages',
  'input',
  'prompt',
  'system',
  'instructions',
  'stream',
  'stream_options',
  'store',
  'background',
  'conversation',
  'previous_response_id',
]

type Body = Readonly<Record<string, unknown>>

/** The body as a variant is asked with it: all that is not changed stays, and in its place. */
export function withChange(body: Body, change: VariantChange): Body {
  const changed: Record<string, unknown> = { ...body }
  for (const [name, text] of Object.entries(change.parameters)) {
    const value = parameterValue(text)
    if (value === null) delete changed[name]
    else changed[name] = value
  }
  changed['model'] = change.model
  return change.prompt === null ? changed : withPrompt(changed, change.prompt, change.operation)
}

function parameterValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
