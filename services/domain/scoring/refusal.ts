/** Only the beginning is read: a refusal comes first, and a quoted "I cannot" later in an answer is none. */
import { openingOf, type Text } from './text.ts'

const openingCharacters = 200

const unable =
  "(?: (?:can(?:no|['’])t|can not|won['’]t|will not|am unable to|am not able to)|['’]m (?:unable|not able) to)"

/** Openings of refusals in English. A classifier of last resort: what the provider says about refusals always stands above it. */
const openings = [
  /^(?:i['’]?m|i am) (?:very |really |truly )?sorry,? (?:but|for|that|i)\b/,
  /^(?:sorry|apologies|my apologies),? (?:but|i)\b/,
  /^i apologi[sz]e,? but\b/,
  new RegExp(
    `^(?:unfortunately,? )?i${unable} (?:assist|help|provide|comply|fulfil|fulfill|do that|create|write|generate|answer|access|see|open|view|browse|execute|run|perform)\\b`,
  ),
  new RegExp(
    `^as an ai(?: language model| assistant)?,? (?:developed by \\w+,? )?i(?:${unable}| (?:don['’]t|do not))\\b`,
  ),
]

/** Whether an answer is a refusal: the provider's own field first, then its finish reason, and only then the opening of the text. */
export function isRefusal(answer: {
  readonly refusal: string | null
  readonly finishReason: string | null
  readonly text: Text
}): boolean {
  if (answer.refusal !== null && answer.refusal !== '') return true
  if (answer.finishReason === 'content_filter' || answer.finishReason === 'refusal') return true
  const opening = openingOf(answer.text, openingCharacters).trim().toLowerCase()
  return openings.some((pattern) => pattern.test(opening))
}
