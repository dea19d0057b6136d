import { arrayOf, type Json, objectOf } from './answer.ts'

/** The first choice of a body or chunk: more choices are more draws of the same arm, and no evidence. */
export function firstChoice(body: Json): Json | null {
  return (
    arrayOf(body['choices'])
      .map(objectOf)
      .find((choice) => choice !== null && (choice['index'] ?? 0) === 0) ?? null
  )
}
