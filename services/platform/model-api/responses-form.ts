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
} from './answer.ts'
import type { Form } from './form.ts'

/**
 * OpenAI's responses. The last event of a stream carries the whole answer and stands above the fragments before it, which date the first token and
 * are what remains when a stream breaks off.
 */
export const responsesForm: Form = {
  body: absorbResponse,
  event(gathered, event, atMs) {
    const index = typeof event['output_index'] === 'number' ? event['output_index'] : 0
    switch (event['type']) {
      case 'response.output_item.added': {
        const item = objectOf(event['item'])
        if (isToolCall(item)) appendToolCall(gathered, index, { name: item?.['name'] }, atMs)
        return
      }
      case 'response.output_text.delta':
        appendText(gathered, index, event['delta'], atMs)
        return
      case 'response.refusal.delta':
        appendRefusal(gathered, event['delta'], atMs)
        return
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        appendToolCall(gathered, index, { arguments: event['delta'] }, atMs)
        return
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        absorbFinal(gathered, objectOf(event['response']) ?? {}, atMs)
        gathered.complete = true
        return
      case 'error':
        gathered.error = { type: 'error', code: nameOf(event['code']) }
    }
  },
}

function absorbFinal(gathered: Gathered, response: Json, atMs: number): void {
  const fragments = [...gathered.texts.values(), gathered.refusal].flat()
  const calls = [...gathered.tools.values()]
  const length =
    fragments.reduce((sum, text) => sum + text.length, 0) +
    calls.reduce((sum, call) => sum + call.name.length + call.arguments.length, 0)
  gathered.lengthLeft = Math.max(0, gathered.lengthLeft) + length
  gathered.texts.clear()
  gathered.refusal.length = 0
  gathered.tools.clear()
  absorbResponse(gathered, response, atMs)
}

function absorbResponse(gathered: Gathered, response: Json, atMs: number): void {
  gathered.model ??= nameOf(response['model'])
  gathered.error = errorOf(response['error']) ?? (response['status'] === 'failed' ? unnamed : gathered.error)
  const reason = nameOf(objectOf(response['incomplete_details'])?.['reason'])
  gathered.finishReason = reason ?? nameOf(response['status'])
  const usage = objectOf(response['usage'])
  if (usage !== null)
    gathered.usage = {
      inputTokens: count(usage['input_tokens']),
      outputTokens: count(usage['output_tokens']),
      cachedTokens: count(objectOf(usage['input_tokens_details'])?.['cached_tokens']),
    }
  arrayOf(response['output']).forEach((value, index) => {
    const item = objectOf(value)
    if (isToolCall(item))
      appendToolCall(gathered, index, { name: item?.['name'], arguments: item?.['arguments'] ?? item?.['input'] }, atMs)
    for (const part of arrayOf(item?.['content']).map(objectOf)) {
      if (part?.['type'] === 'output_text') appendText(gathered, index, part['text'], atMs)
      if (part?.['type'] === 'refusal') appendRefusal(gathered, part['refusal'], atMs)
    }
  })
}

const unnamed = { type: null, code: null }

/** Calls that the caller is to run; what the provider runs itself is part of its own work. */
function isToolCall(item: Json | null): boolean {
  return item?.['type'] === 'function_call' || item?.['type'] === 'custom_tool_call'
}
