import type { Json } from './answer.ts'
import type { HeardAnswer } from './heard-answer.ts'
import { promptTokens, textTokens } from './token-estimate.ts'

/** What a record says of an answer, but for its output, of which vectors are no text. */
export interface AnswerFields extends SpentTokens {
  readonly first_token_at: number | null
  readonly model_served: string | null
  readonly finish_reason: string | null
  readonly refusal: string | null
  readonly tool_calls: readonly { readonly name: string; readonly arguments: string }[]
  readonly truncated: boolean
}

interface SpentTokens {
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cached_tokens: number | null
  readonly usage_source: 'reported' | 'estimated'
}

/** `asked` is the body as the provider got it; null where that is not known. */
export function answerFields(heard: HeardAnswer, answered: boolean, asked: Json | null): AnswerFields {
  const { answer, truncated } = heard
  return {
    first_token_at: answer.firstTokenAtMs,
    model_served: answer.model,
    finish_reason: answer.finishReason,
    refusal: answer.refusal,
    tool_calls: answer.toolCalls,
    ...spentTokens(heard, answered, asked),
    truncated,
  }
}

/**
 * As reported; else estimated where there is something whole to estimate from: a guess at a text that was left out would be 0. What a stream reports at
 * its beginning is not what it came to.
 */
function spentTokens({ answer, truncated }: HeardAnswer, answered: boolean, asked: Json | null): SpentTokens {
  const { usage, text, refusal, toolCalls } = answer
  if (usage !== null) {
    const { inputTokens, outputTokens, cachedTokens } = usage
    return {
      input_tokens: inputTokens,
      output_tokens: answer.complete ? outputTokens : null,
      cached_tokens: cachedTokens,
      usage_source: 'reported',
    }
  }
  const spoken = [text, refusal ?? '', ...toolCalls.flatMap((call) => [call.name, call.arguments])].join('\n')
  return {
    input_tokens: answered && asked !== null ? promptTokens(asked) : null,
    output_tokens: answered && !truncated ? textTokens(spoken.trim()) : null,
    cached_tokens: null,
    usage_source: 'estimated',
  }
}
