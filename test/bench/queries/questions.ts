import { readdirSync, readFileSync } from 'node:fs'
import { createEvidenceReader } from '../../../services/api/evidence-reader.ts'
import { createPairReader } from '../../../services/api/pair-reader.ts'
import type { Run } from '../../../services/domain/rollout/run.ts'
import type { ClickHouseStore } from '../../../services/platform/clickhouse/clickhouse-store.ts'
import type { Question } from './ask.ts'
import { days, type GeneratedRun, generatedRuns, offsetsPerMs, routes } from './generate.ts'

/** One shipped question, and how to ask it: each time with another run, route or time. */
export interface Asked {
  readonly name: string
  readonly span: string
  question(turn: number): Promise<Question>
}

const folder = new URL('../../../schemas/clickhouse/queries/', import.meta.url)
const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Asks every file of `schemas/clickhouse/queries` and both statements of the API. @throws when a file is asked by nobody */
export function questionsOf(beginMs: number): readonly Asked[] {
  const runs = generatedRuns(beginMs)
  const endMs = beginMs + days * dayMs
  // Strides that share no factor with what they walk over.
  const runAt = (turn: number): GeneratedRun => at(runs, turn * 7)
  const spanAt = (turn: number, lengthMs: number) => {
    const sinceMs = beginMs + ((turn * 5_639_000_777) % (endMs - beginMs - lengthMs))
    return { since: new Date(sinceMs), until: new Date(sinceMs + lengthMs) }
  }
  const within = ({ fromMs, untilMs }: GeneratedRun, turn: number, lengthMs: number) => {
    const sinceMs = fromMs + ((turn * 639_000_777) % (untilMs - fromMs - lengthMs))
    return { since: new Date(sinceMs), until: new Date(sinceMs + lengthMs) }
  }
  const rolledBack = runs.filter(({ untilMs }) => untilMs < endMs)
  const dayOf = ({ untilMs }: GeneratedRun) => ({
    since: new Date(untilMs - dayMs / 2),
    until: new Date(untilMs + dayMs / 2),
  })
  const whole = ({ fromMs, untilMs }: GeneratedRun) => ({ since: new Date(fromMs), until: new Date(untilMs) })
  const pairs = (worse: string) => (turn: number) => {
    const run = runAt(turn)
    return { run: run.id, ...within(run, turn, hourMs), worse, limit: 20 }
  }
  const files: readonly (readonly [
    file: string,
    span: string,
    parameters: (turn: number) => Question['parameters'],
  ])[] = [
    ['pairs_of_run', 'an hour of a run', pairs('')],
    ['pairs_of_run', 'an hour of a run, worse only', pairs('refusal')],
    ['pairs_of_run', 'a whole run', (turn) => ({ run: runAt(turn).id, ...whole(runAt(turn)), worse: '', limit: 20 })],
    [
      'segment_rates_of_run',
      'a day of a run',
      (turn) => ({ run: runAt(turn).id, ...within(runAt(turn), turn, dayMs) }),
    ],
    ['segment_rates_of_run', 'a whole run', (turn) => ({ run: runAt(turn).id, ...whole(runAt(turn)) })],
    ['rollbacks', 'a day with one on each route', (turn) => dayOf(at(rolledBack, turn))],
    ['rollbacks', 'four weeks', () => ({ since: new Date(beginMs), until: new Date(endMs) })],
    ['traffic_week', 'a week of a route', (turn) => ({ route: at(routes, turn), ...weekAt(beginMs, turn) })],
    [
      'traffic_week',
      'four weeks of a route',
      (turn) => ({ route: at(routes, turn), since: new Date(beginMs), until: new Date(endMs) }),
    ],
    ['written_once', 'an hour', (turn) => spanAt(turn, hourMs)],
    ['written_once', 'a day', (turn) => spanAt(turn, dayMs)],
  ]
  const shipped = readdirSync(folder).map((name) => name.replace('.sql', ''))
  const forgotten = shipped.filter((name) => !files.some(([file]) => file === name))
  if (forgotten.length > 0) throw new Error(`nobody asks ${forgotten.join(', ')}`)
  return [
    ...files.map(([file, span, parameters]) => {
      const sql = readFileSync(new URL(`${file}.sql`, folder), 'utf8')
      return { name: file, span, question: async (turn: number) => ({ sql, parameters: parameters(turn) }) }
    }),
    {
      name: 'API: pairs',
      span: 'a whole run',
      question: (turn) =>
        statementOf((store) => {
          const { id, fromMs } = runAt(turn)
          // The reader asks a run for nothing else.
          return createPairReader(store).pairs({ id, createdAtMs: fromMs } as Run, { limit: 20, worse: undefined })
        }),
    },
    {
      name: 'API: evidence',
      span: 'a page of 5,000',
      question: (turn) =>
        statementOf((store) => {
          const { id, fromMs, untilMs, partition } = runAt(turn)
          const ms = fromMs - beginMs + ((turn * 639_000_777) % (untilMs - fromMs))
          return createEvidenceReader(store).page(id, { partition, from: ms * offsetsPerMs, limit: 5_000 })
        }),
    },
  ]
}

/** One of the four weeks. */
function weekAt(beginMs: number, turn: number) {
  const sinceMs = beginMs + (turn % 4) * 7 * dayMs
  return { since: new Date(sinceMs), until: new Date(sinceMs + 7 * dayMs) }
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index % values.length]
  if (value === undefined) throw new Error('there is nothing to choose from')
  return value
}

/** What a reader of the API asks the store. */
async function statementOf(read: (store: ClickHouseStore) => Promise<unknown>): Promise<Question> {
  const asked: Question[] = []
  const elsewhere = async () => {
    throw new Error('a reader only asks')
  }
  await read({
    query: async (sql, parameters = {}) => {
      asked.push({ sql, parameters })
      return []
    },
    insertRowBinary: elsewhere,
    command: elsewhere,
    stop: elsewhere,
  })
  return at(asked, 0)
}
