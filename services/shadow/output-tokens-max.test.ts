import { expect, it } from 'vitest'
import { parseExactly } from '../domain/sampling/exact-json.ts'
import { outputTokensMax } from './output-tokens-max.ts'

const of = (text: string) => outputTokensMax('chat.completions', parseExactly(text) as Record<string, unknown>)
const unlimited = of('{}')

it.each([
  ['{"max_tokens": 300}', 300],
  ['{"max_tokens": 1e4}', 10_000],
  ['{"max_tokens": 20.0, "max_completion_tokens": 5000.0}', 5_000],
  ['{"max_tokens": 100, "n": 4}', 400],
  ['{"n": 3}', 3 * unlimited],
  ['{"max_tokens": -1}', unlimited],
  ['{"max_tokens": "many"}', unlimited],
  ['{"max_tokens": null}', unlimited],
  ['{"max_output_tokens": 77}', 77],
])('%s reserves %d tokens', (text, expected) => expect(of(text)).toBe(expected))

it('embeddings are answered without tokens', () => expect(outputTokensMax('embeddings', {})).toBe(0))
