import { appendText, type Gathered, type Json, nameOf } from './answer.ts'
import { absorbFrame } from './chat-form.ts'
import { firstChoice } from './first-choice.ts'
import type { Form } from './form.ts'

/** OpenAI's older text completions: chunks of a stream look like bodies. */
export const completionsForm: Form = { body: absorb, event: absorb }

function absorb(gathered: Gathered, body: Json, atMs: number): void {
  absorbFrame(gathered, body)
  const choice = firstChoice(body)
  if (choice === null) return
  appendText(gathered, 0, choice['text'], atMs)
  gathered.finishReason = nameOf(choice['finish_reason']) ?? gathered.finishReason
}
