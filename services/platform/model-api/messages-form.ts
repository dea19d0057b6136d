import {
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
import type { Form } from './form.ts'

/** Anthropic's messages. Blocks carry their index in a stream, so that fragments find theirs in whatever order they come. */
export const messagesForm: Form = {
  body(gathered, body, atMs) {
    absorbMessage(gathered, body)
    for (const [index, block] of arrayOf(body['content']).entries())
      openBlock(gathered, index, objectOf(block), 'whole', atMs)
    gathered.error = errorOf(body['error']) ?? gathered.error
  },
  event(gathered, event, atMs) {
    const index = typeof event['index'] === 'number' ? event['index'] : 0
    switch (event['type']) {
      case 'message_start':
        absorbMessage(gathered, objectOf(event['message']) ?? {})
        return
      case 'content_block_start':
        openBlock(gathered, index, objectOf(event['content_block']), 'opening', atMs)
        return
      case 'content_block_delta':
        appendDelta(gathered, index, objectOf(event['delta']) ?? {}, atMs)
        return
      case 'message_delta':
        absorbMessage(gathered, { ...objectOf(event['delta']), usage: event['usage'] })
        return
      case 'message_stop':
        gathered.complete = true
        return
      case 'error':
        gathered.error = errorOf(event['error'])
    }
  },
}

function absorbMessage(gathered: Gathered, message: Json): void {
  gathered.model ??= nameOf(message['model'])
  gathered.finishReason = nameOf(message['stop_reason']) ?? gathered.finishReason
  const usage = objectOf(message['usage'])
  if (usage !== null) gathered.usage = usageOf(usage, gathered.usage)
  const details = objectOf(message['stop_details'])
  if (details?.['type'] === 'refusal' && gathered.refusal.length === 0)
    gathered.refusal.push((nameOf(details['explanation']) ?? '') || 'refused')
}

/** `opening`: in a stream a tool's input follows in fragments, and what stands here is empty. */
function openBlock(gathered: Gathered, index: number, block: Json | null, as: 'whole' | 'opening', atMs: number): void {
  if (block?.['type'] === 'text') appendText(gathered, index, block['text'], atMs)
  if (block?.['type'] !== 'tool_use') return
  const input = as === 'whole' ? JSON.stringify(block['input'] ?? {}) : ''
  const early = gathered.tools.get(index)
  // A fragment that came before the block's opening must not stand before its name.
  if (early !== undefined) gathered.tools.delete(index)
  appendToolCall(gathered, index, { name: block['name'], arguments: input + (early?.arguments ?? '') }, atMs)
}

function appendDelta(gathered: Gathered, index: number, delta: Json, atMs: number): void {
  if (delta['type'] === 'text_delta') appendText(gathered, index, delta['text'], atMs)
  if (delta['type'] === 'input_json_delta') appendToolCall(gathered, index, { arguments: delta['partial_json'] }, atMs)
}

/** Counts are cumulative: the latest that is said holds. Input leaves out what was read from or written to a cache; here it counts. */
function usageOf(usage: Json, before: Usage | null): Usage {
  const input = count(usage['input_tokens'])
  const read = count(usage['cache_read_input_tokens'])
  const written = count(usage['cache_creation_input_tokens'])
  return {
    inputTokens: input === null ? (before?.inputTokens ?? null) : input + (read ?? 0) + (written ?? 0),
    outputTokens: count(usage['output_tokens']) ?? before?.outputTokens ?? null,
    cachedTokens: read ?? before?.cachedTokens ?? null,
  }
}
