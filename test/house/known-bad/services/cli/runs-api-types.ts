import { notOnlyTypes } from '../api/api-types.ts'

export const used = notOnlyTypes
