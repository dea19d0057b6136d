import { arrayOf, count, errorOf, type Gathered, type Json, nameOf, objectOf } from './answer.ts'
import type { Form } from './form.ts'

/** OpenAI's embeddings: vectors as numbers or as base64 of little-endian floats. They are never streamed. */
export const embeddingsForm: Form = { body: absorb, event: absorb }

/** What one call may hold: more is no smaller evidence when left out, since it says so. */
const numbersMax = 1_000_000

function absorb(gathered: Gathered, body: Json, atMs: number): void {
  gathered.model ??= nameOf(body['model'])
  gathered.error = errorOf(body['error']) ?? gathered.error
  const usage = objectOf(body['usage'])
  if (usage !== null)
    gathered.usage = { inputTokens: count(usage['prompt_tokens']), outputTokens: 0, cachedTokens: null }
  if (!Array.isArray(body['data'])) return
  const entries = arrayOf(body['data']).map(objectOf)
  entries.sort((a, b) => Number(a?.['index'] ?? 0) - Number(b?.['index'] ?? 0))
  const vectors: Float32Array[] = []
  let numbers = 0
  for (const entry of entries) {
    const vector = vectorOf(entry?.['embedding'])
    numbers += vector.length
    if (numbers > numbersMax) {
      gathered.truncated = true
      break
    }
    vectors.push(vector)
  }
  gathered.vectors = vectors
  gathered.firstTokenAtMs ??= atMs
}

/** Empty for what is no vector. */
function vectorOf(value: unknown): Float32Array {
  if (Array.isArray(value)) return Float32Array.from(value.every((number) => typeof number === 'number') ? value : [])
  if (typeof value !== 'string') return new Float32Array()
  const bytes = Buffer.from(value, 'base64')
  const width = Float32Array.BYTES_PER_ELEMENT
  return Float32Array.from({ length: Math.floor(bytes.length / width) }, (_, index) => bytes.readFloatLE(index * width))
}
