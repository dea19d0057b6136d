import { ghost } from './ghost.ts'

export const seen = ghost
