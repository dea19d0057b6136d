import { something } from '../../scripts/do-something.ts'

export const done = something
