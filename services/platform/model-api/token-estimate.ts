import { countTokens } from 'gpt-tokenizer'
import { arrayOf, objectOf, stringOf } from './answer.ts'

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

/** Estimated tokens of what a request asks with, whatever its operation; what is no text (images, audio) is not counted. */
export function promptTokens(body: Readonly<Record<string, unknown>>): number {
  const messages = [...arrayOf(body['messages']), ...arrayOf(body['input']).filter((item) => objectOf(item) !== null)]
  const texts = [
    textOf(body['system']),
    textOf(body['instructions']),
    textOf(body['prompt']),
    plainTexts(body['input']),
    ...messages.map((message) => textOf(objectOf(message)?.['content'])),
  ]
  const perMessage = messages.length === 0 ? 0 : messageTokens * (messages.length + 1)
  return textTokens(texts.filter((text) => text !== '').join('\n')) + perMessage
}

/** The text of a content: itself, or that of its parts. */
function textOf(content: unknown): string {
  const parts = arrayOf(content).map((part) => stringOf(part) ?? stringOf(objectOf(part)?.['text']) ?? '')
  return stringOf(content) ?? parts.filter((text) => text !== '').join('\n')
}

/** An input that is texts, as embeddings and responses take it. */
function plainTexts(input: unknown): string {
  return (
    stringOf(input) ??
    arrayOf(input)
      .filter((item) => typeof item === 'string')
      .join('\n')
  )
}
