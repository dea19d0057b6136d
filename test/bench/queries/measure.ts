import { type Quantiles, quantilesOf } from '../support/quantiles.ts'
import type { Ask } from './ask.ts'
import type { Asked } from './questions.ts'

/** How long one question took, again and again; or why it got no answer. */
export interface Cell {
  readonly name: string
  readonly span: string
  readonly times: Quantiles
  /** Of the median turn. */
  readonly rowsRead: number
  readonly bytesRead: number
  /** What the store said instead of answering, within the reader's limits; null when it answered every time. */
  readonly refused: string | null
  /** `EXPLAIN indexes = 1` of the last turn, where it is slow. */
  readonly plan: string | null
}

export interface MeasureOptions {
  readonly turns: number
  /** No further turn begins after that. */
  readonly withinMs: number
  readonly slowMs: number
}

const turnsMin = 5

export async function measureQuestion(ask: Ask, asked: Asked, options: MeasureOptions): Promise<Cell> {
  const { name, span } = asked
  const answers: { readonly ms: number; readonly rowsRead: number; readonly bytesRead: number }[] = []
  let refused: string | null = null
  const endMs = performance.now() + options.withinMs
  for (
    let turn = 0;
    turn < options.turns && (turn < turnsMin || performance.now() < endMs) && refused === null;
    turn += 1
  ) {
    try {
      const { ms, rowsRead, bytesRead } = await ask(await asked.question(turn))
      answers.push({ ms, rowsRead, bytesRead })
    } catch (error) {
      refused = error instanceof Error ? error.message : String(error)
    }
  }
  const times = quantilesOf(answers.map(({ ms }) => ms))
  const middle = answers.find(({ ms }) => ms === times.p50)
  const isSlow = refused !== null || times.p99 > options.slowMs
  return {
    name,
    span,
    times,
    rowsRead: middle?.rowsRead ?? 0,
    bytesRead: middle?.bytesRead ?? 0,
    refused,
    plan: isSlow ? await planOf(ask, asked, answers.length) : null,
  }
}

async function planOf(ask: Ask, asked: Asked, turn: number): Promise<string> {
  const { sql, parameters } = await asked.question(turn)
  const { text } = await ask({ sql: `EXPLAIN indexes = 1 ${sql} FORMAT TSVRaw`, parameters })
  return text.trimEnd()
}
