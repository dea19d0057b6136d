import {
  appendRefusal,
  appendText,
  appendToolCall,
  arrayOf,
  count,
  errorOf,
  type Gathered,
  type Json,
  nameOf,
  objectOf,
  type Usage,
} from './answer.ts'
import { firstChoice } from './first-choice.ts'
import type { Form } from './form.ts'

/** OpenAI's chat completions: a message in a body, deltas of it in a stream. */
export const chatForm: Form = {
  body: (gathered, body, atMs) => absorb(gathered, body, 'message', atMs),
  event: (gathered, event, atMs) => absorb(gathered, event, 'delta', atMs),
}

function absorb(gathered: Gathered, body: Json, part: 'message' | 'delta', atMs: number): void {
  absorbFrame(gathered, body)
  const choice = firstChoice(body)
  if (choice === null) return
  const message = objectOf(choice[part])
  appendText(gathered, 0, message?.['content'], atMs)
  appendRefusal(gathered, message?.['refusal'], atMs)
  arrayOf(message?.['tool_calls']).forEach((value, position) => {
    const call = objectOf(value)
    if (call === null) return
    const index = typeof call['index'] === 'number' ? call['index'] : position
    const described = objectOf(call['function'])
    appendToolCall(gathered, index, { name: described?.['name'], arguments: described?.['arguments'] }, atMs)
  })
  gathered.finishReason = nameOf(choice['finish_reason']) ?? gathered.finishReason
}

/** What bodies and chunks of OpenAI's older operations say besides their choices. */
export function absorbFrame(gathered: Gathered, body: Json): void {
  gathered.model ??= nameOf(body['model'])
  gathered.error = errorOf(body['error']) ?? gathered.error
  const usage = objectOf(body['usage'])
  if (usage !== null) gathered.usage = usageOf(usage)
}

function usageOf(usage: Json): Usage {
  const details = objectOf(usage['prompt_tokens_details'])
  return {
    inputTokens: count(usage['prompt_tokens']),
    outputTokens: count(usage['completion_tokens']),
    cachedTokens: count(details?.['cached_tokens']),
  }
}
