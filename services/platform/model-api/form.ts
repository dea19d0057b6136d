import type { Gathered, Json } from './answer.ts'

/** How one operation of a model API writes its answers. */
export interface Form {
  /** Takes a whole JSON body. */
  body(gathered: Gathered, body: Json, atMs: number): void
  /** Takes one event of a stream. */
  event(gathered: Gathered, event: Json, atMs: number): void
}
