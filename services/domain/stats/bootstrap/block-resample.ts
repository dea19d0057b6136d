import { randomBinomial } from './random-binomial.ts'
import type { DrawnSums, SeededRandom } from './seeded-random.ts'

/** A block's places are told by a third of a word. */
const blockMax = 1_024
/** Below this the binomials of the blocks cost more than they save. */
const blocksFrom = 8_192

/** Views of the values, in blocks whose sizes are powers of two, the largest first; a single block of all for few values. */
export function resampleBlocks(values: Float64Array): readonly Float64Array[] {
  if (values.length < blocksFrom) return [values]
  const blocks: Float64Array[] = []
  for (let from = 0; from < values.length; from += blocks.at(-1)?.length ?? 1) {
    const size = Math.min(blockMax, 2 ** Math.floor(Math.log2(values.length - from)))
    blocks.push(values.subarray(from, from + size))
  }
  return blocks
}

/**
 * Sum and sum of squares of as many draws with replacement as the blocks hold values. How many draws fall into each block is multinomial, a binomial
 * of what is left per block; within a block every place is equally likely. The same distribution as drawing from all, at half the cost.
 */
export function resampleInBlocks(random: SeededRandom, blocks: readonly Float64Array[]): DrawnSums {
  const [only] = blocks
  if (blocks.length === 1 && only !== undefined) return random.resample(only)
  let places = blocks.reduce((total, block) => total + block.length, 0)
  let draws = places
  let sum = 0
  let squares = 0
  for (const block of blocks) {
    const own = randomBinomial(random, draws, block.length / places)
    const drawn = random.drawFrom(block, own)
    sum += drawn.sum
    squares += drawn.squares
    draws -= own
    places -= block.length
  }
  return { sum, squares }
}
