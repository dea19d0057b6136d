import { parseArgs } from 'node:util'
import { startStack } from '../../infra/native/stack.ts'
import { measureHalfPairs } from './limits/half-pairs.ts'

const { values } = parseArgs({ options: { 'half-pairs': { type: 'string' } } })
const stack = await startStack({ ephemeral: true })
try {
  console.log(JSON.stringify(await measureHalfPairs(stack, Number(values['half-pairs'])), null, 1))
} finally {
  await stack.stop()
}
