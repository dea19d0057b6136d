import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

/** One recorded prompt with the answers of the models that were asked. */
export interface Recording {
  readonly id: string
  readonly prompt: string
  /** Expected answer, where the data set has one. */
  readonly reference: string | null
  readonly task: string
  readonly answers: ReadonlyMap<string, RecordedAnswer>
}

export interface RecordedAnswer {
  readonly text: string
  readonly outputTokens: number
  /** How long the replay takes for the whole answer, ms. */
  readonly durationMs: number
}

/** Recorded latencies are divided by this, so that the demo ends in minutes. */
export const latencyScale = 50
/** Arena answers carry no latency: both models are replayed at this speed, already scaled. */
const arenaMsPerToken = 0.25

interface DriftLine {
  readonly id: string
  readonly task: string
  readonly prompt: string
  readonly reference: string
  readonly baseline: DriftAnswer
  readonly candidate: DriftAnswer
}

interface DriftAnswer {
  readonly model: string
  readonly output: string
  readonly latency_s: number
  readonly output_tokens: number
}

interface ArenaLine {
  readonly id: string
  readonly prompt: string
  readonly outputs: Readonly<Record<string, { readonly text: string; readonly tokens: number }>>
}

/** The recorded gpt-4-0314 → gpt-4-0613 upgrade: 1,000 `prime` and 500 `happy_number` prompts with expected answers. */
export function driftRecordings(): readonly Recording[] {
  return lines<DriftLine>('llmdrift-pairs-gpt4.jsonl.gz').map((line) => ({
    id: line.id,
    prompt: line.prompt,
    reference: line.reference,
    task: line.task,
    answers: new Map(
      [line.baseline, line.candidate].map((answer) => [
        answer.model,
        {
          text: answer.output,
          outputTokens: answer.output_tokens,
          durationMs: (answer.latency_s * 1000) / latencyScale,
        },
      ]),
    ),
  }))
}

/** 500 long-form prompts answered by three models; no expected answers and no latencies. */
export function arenaRecordings(): readonly Recording[] {
  return lines<ArenaLine>('arena-hard-v0.1-answers.jsonl.gz').map((line) => ({
    id: line.id,
    prompt: line.prompt,
    reference: null,
    task: 'arena',
    answers: new Map(
      Object.entries(line.outputs).map(([model, output]) => [
        model,
        { text: output.text, outputTokens: output.tokens, durationMs: output.tokens * arenaMsPerToken },
      ]),
    ),
  }))
}

export function promptHash(prompt: string): string {
  return createHash('sha256').update(prompt).digest('hex')
}

/** Fisher-Yates by a small seeded generator (mulberry32), so that every run of the demo sends the same stream. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items]
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(uniform() * (last + 1))
    const held = result[last] as T
    result[last] = result[other] as T
    result[other] = held
  }
  return result
}

function lines<T>(file: string): readonly T[] {
  const path = fileURLToPath(new URL(`./recordings/${file}`, import.meta.url))
  return gunzipSync(readFileSync(path))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
