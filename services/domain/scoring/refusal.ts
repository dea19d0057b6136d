/** Only the beginning is read: a refusal comes first, and a quoted "I cannot" later in an answer is none. */
const openingCharacters = 200

/** Openings of refusals in English. A classifier of last resort: what the provider says about refusals always stands above it. */
const openings = [
  /^(?:i['’]?m|i am) (?:very |really |truly )?sorry,? (?:but|for|that|i)\b/,
  /^(?:sorry|apologies|my apologies),? (?:but|i)\b/,
  /^i apologi[sz]e,? but\b/,
  /^(?:unfortunately,? )?i (?:can(?:no|['’])t|cannot|can not|won['’]t|will not|am unable to|['’]m unable to|am not able to) (?:assist|help|provide|comply|fulfil|fulfill|do that|create|write|generate|answer|access|see|open|view|browse|execute|run|perform)\b/,
  /^as an ai(?: language model| assistant)?,? (?:developed by \w+,? )?i (?:can(?:no|['’])t|cannot|don['’]t|do not|am unable|['’]m unable|am not able)\b/,
]

/** Whether an answer is a refusal: the provider's own field first, then its finish reason, and only then the opening of the text. */
export function isRefusal(answer: {
  readonly refusal: string | null
  readonly finishReason: string | null
  readonly text: string
}): boolean {
  if (answer.refusal !== null && answer.refusal !== '') return true
  if (answer.finishReason === 'content_filter' || answer.finishReason === 'refusal') return true
  const opening = answer.text.slice(0, openingCharacters).trim().toLowerCase()
  return openings.some((pattern) => pattern.test(opening))
}
