import { started } from '../gateway/main.ts'

export const all = started
