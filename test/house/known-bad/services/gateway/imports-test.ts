import { stack } from '../../test/support/stack.ts'

export const fake = stack
