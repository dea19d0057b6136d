import { countTokens } from 'gpt-tokenizer'

/** A tokenizer on megabytes would stall everything behind it: what goes beyond this is estimated by its length. */
const tokenizedCharactersMax = 100_000
/** The tokenizer's work grows with the square of a run of one kind: 100,000 letters without a space take it seconds. */
const longRun = /\p{L}{400}|\s{400}|[^\s\p{L}\p{N}]{400}/u
/** Four characters a token, as providers advise for English. */
const charactersPerToken = 4
/** What each message costs besides its text, and the start of the answer once (OpenAI's recipe for counting chat tokens). */
const messageTokens = 3
/** Texts are data: what looks like a control token of the model is counted as the characters that it is. */
const plainText = { disallowedSpecial: new Set<string>() }

/** Estimated tokens of one text, for where the provider reported no usage. */
export function textTokens(text: string): number {
  return text.length > tokenizedCharactersMax || longRun.test(text)
    ? Math.ceil(text.length / charactersPerToken)
    : countTokens(text, plainText)
}

/** Estimated tokens of a request's messages; what is no text (images, audio) is not counted. */
export function promptTokens(body: Readonly<Record<string, unknown>>): number {
  const messages = Array.isArray(body['messages']) ? (body['messages'] as readonly unknown[]) : []
  return textTokens(messages.map(contentOf).join('\n')) + messageTokens * (messages.length + 1)
}

function contentOf(message: unknown): string {
  const content = (message as { readonly content?: unknown } | null)?.content
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part: unknown) => (part as { readonly text?: unknown } | null)?.text)
    .filter((text) => typeof text === 'string')
    .join('\n')
}
