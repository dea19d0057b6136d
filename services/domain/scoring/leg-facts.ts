import type { Arm, Leg, Resolution, Response } from '../events/records.ts'
import type { GoldenEntry } from '../rollout/spec.ts'
import { isGoldenWrong } from './golden.ts'
import { answerHashes, type Sha256Hex } from './normalise.ts'
import { isRefusal } from './refusal.ts'
import { type Sketch, sketchOf } from './sketch.ts'
import { type Text, textOf } from './text.ts'

/** What is read of a response. */
export const answerFields = [
  'exchange_id',
  'arm',
  'leg',
  'resolution',
  'started_at',
  'first_token_at',
  'ended_at',
  'output',
  'tool_calls',
  'finish_reason',
  'refusal',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cost_micro_usd',
  'truncated',
] as const satisfies readonly (keyof Response)[]

export type Answer = Pick<Response, Exclude<(typeof answerFields)[number], 'output'>> & { readonly output: Text }

/** What is kept of a leg's answer: numbers, hashes and a sketch, no text. Durations from the leg's own start, ms. */
export interface LegFacts {
  readonly arm: Arm
  readonly leg: Leg
  readonly resolution: Resolution
  readonly durationMs: number
  readonly ttftMs: number | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly costMicroUsd: number | null
  readonly refused: boolean
  readonly lengthChars: number
  /** To say whether another answer differs from this one, and how far; each null where no metric asks. */
  readonly exactHash: string | null
  readonly normalisedHash: string | null
  readonly sketch: Sketch | null
  readonly goldenWrong: boolean | null
  /** The capture level let the text through: something may be said about content. */
  readonly hasOutput: boolean
  /** The text was not cut short by the tap: it may be compared as a whole. */
  readonly isWhole: boolean
}

/** Prices of the answer's variant, micro-dollars per million tokens; null when the plan names none. */
export type Price = { readonly inputMicroUsdPerMillion: number; readonly outputMicroUsdPerMillion: number } | null

/** What a plan asks of a text beyond its length; each costs more than all other facts of an answer. */
export interface WantedFacts {
  readonly exact: boolean
  readonly normalised: boolean
  readonly sketch: boolean
}

export function wantedFacts(metrics: readonly { readonly name: string }[]): WantedFacts {
  const asks = (wanted: string) => metrics.some(({ name }) => name === wanted)
  return { exact: asks('differs_exact'), normalised: asks('differs_normalised'), sketch: asks('dissimilarity') }
}

/** Reduces a response to its facts. `hasText` is false where the capture level kept the text out: then nothing is said about content. */
export function legFacts(
  response: Answer,
  golden: GoldenEntry | null,
  options: {
    readonly hasText: boolean
    readonly price: Price
    readonly wanted: WantedFacts
    readonly hash: Sha256Hex
  },
): LegFacts {
  const tools = response.tool_calls.map((call) => `${call.name}(${call.arguments})`).join('\n')
  const said = tools === '' ? response.output : `${textOf(response.output)}\n${tools}`
  return {
    arm: response.arm,
    leg: response.leg,
    resolution: response.resolution,
    durationMs: response.ended_at - response.started_at,
    ttftMs: response.first_token_at === null ? null : response.first_token_at - response.started_at,
    inputTokens: response.input_tokens,
    outputTokens: response.output_tokens,
    costMicroUsd: options.price === null ? response.cost_micro_usd : costOf(options.price, response),
    refused: isRefusal({ refusal: response.refusal, finishReason: response.finish_reason, text: response.output }),
    lengthChars: response.output.length,
    ...answerHashes(said, options.wanted, options.hash),
    sketch: options.wanted.sketch ? sketchOf(textOf(said)) : null,
    goldenWrong:
      golden === null || !options.hasText || response.truncated ? null : isGoldenWrong(golden, textOf(response.output)),
    hasOutput: options.hasText,
    isWhole: !response.truncated,
  }
}

function costOf(price: NonNullable<Price>, response: Answer): number | null {
  if (response.input_tokens === null || response.output_tokens === null) return response.cost_micro_usd
  return (
    (response.input_tokens * price.inputMicroUsdPerMillion + response.output_tokens * price.outputMicroUsdPerMillion) /
    1e6
  )
}
