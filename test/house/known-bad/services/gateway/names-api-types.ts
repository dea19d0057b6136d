import type { Api } from '../api/api-types.ts'

export type Run = Api['Run']
